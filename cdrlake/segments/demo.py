"""The main job of segments: purchases, three models behind gates, answers over REST, a drift."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cdrlake.http import Api
from cdrlake.main_job import PATIENCE_S, Outcome, signs
from cdrlake.stack import Stack
from cdrlake.waiting import Waiter
from lakehouse import audit
from lakehouse.clock import Clock
from lakehouse.domains.segments import SEGMENTS, names
from lakehouse.domains.settings import Settings
from lakehouse.errors import ServiceError
from lakehouse.ledger import Ledger
from lakehouse.registry import ModelVersion, open_registry

BATCH, HISTORY, LATER, DRIFTED = 4_000, 7, 1, 1
DRIFT = "dearer"
QUESTION = {"usage_freq": 4, "amount_spend": 490, "uniq_merchant": 5, "k": 9, "name": "anybody"}
PAGE = "/segments/report.json"


def act(stack: Stack, clock: Clock) -> Outcome:
    """Stream, wait for the first models, stream on, ask over REST, and stream a changed world."""
    settings, began, api = stack.settings, clock.now(), Api(stack.settings)
    waiter = Waiter(clock, PATIENCE_S, stack.check, signs(stack))
    with stack.steps.step("POST /start_stream: a year of purchases") as step:
        step.say(_stream(api, waiter, HISTORY))
    with stack.steps.step("Types and both hazards, trained behind gates") as step:
        step.say(waiter.until(lambda: _champions(settings), "a champion of every model"))
    with stack.steps.step("More purchases: scored, put into segments, judged") as step:
        step.say(_stream(api, waiter, LATER))
        waiter.until(lambda: _balanced(settings, step.say), "the counts to reconcile")
    with stack.steps.step("POST /api-ml-model, with three numbers and with a card") as step:
        step.say(waiter.until(lambda: _answers(api), "the models to be in service"))
    with stack.steps.step(f"The world changes: {DRIFT}") as step:
        step.say(_stream(api, waiter, DRIFTED, DRIFT))
    with stack.steps.step("Every count agrees") as step:
        balanced = waiter.until(lambda: _balanced(settings, step.say), "the counts to reconcile")
    with stack.steps.step("GET /run-monitoring, and the page of segments") as step:
        monitoring = api.monitoring(f"/models/{names.WILL_SPEND}/run-monitoring")
        found = api.monitoring(PAGE)
        step.say(_shifts(found))
    return Outcome(balanced, {**monitoring, "segments": found}, began)


def _stream(api: Api, waiter: Waiter, batches: int, drift: str | None = None) -> str:
    body: dict[str, Any] = {"domain": names.NAME, "batch_size": BATCH, "num_batches": batches}
    started = api.post("/start_stream", body | {"interval": 1, "drift": drift})
    path = f"/streams/{started['stream_id']}"
    done = waiter.until(lambda: _finished(api.get(path)), "the stream to finish")
    return f"{done['sent_rows']:,} purchases"


def _finished(stream: dict[str, Any]) -> dict[str, Any] | None:
    if stream["state"] == "failed":
        reason = str(stream.get("error")).rstrip(".")
        raise ServiceError.sentence(f"The stream failed: {reason}; see the simulator's log.")
    return stream if stream["state"] == "finished" else None


def _champions(settings: Settings) -> str | None:
    """Every model's champion; raises `ServiceError` for a first version that the gates refused."""
    found: list[ModelVersion] = []
    for scored in SEGMENTS.scored:
        registry = open_registry(settings, scored)
        champion = registry.champion()
        if champion is None:
            refused = [one for one in registry.versions() if one.verdicts]
            if refused:
                reason = refused[-1].verdicts[-1]
                raise ServiceError.sentence(f"The first version of {scored.model} was {reason}.")
            return None
        found.append(champion)
    names_of = [scored.model for scored in SEGMENTS.scored]
    return ", ".join(
        f"{name} {one.metric} {one.figure}" for name, one in zip(names_of, found, strict=True)
    )


def _answers(api: Api) -> str | None:
    """What the service says to a request and about a card; None while it has no model yet."""
    cards: Any = api.get("/segments/cards")
    if not cards:
        return None
    card = cards[0]["card"]
    try:
        asked = api.predict("/api-ml-model", {"input": QUESTION})["response"]
        known = api.predict("/api-ml-model", {"input": {"card": card, "k": 7}})["response"]
    except ServiceError:
        return None
    said = [f"{one['basis']} {one['probability']:.2f}" for one in (asked, known)]
    return f"{', '.join(said)}; segment {known['segment']}"


def _balanced(settings: Settings, say: Callable[[str], None]) -> Ledger | None:
    starts = {one.model: open_registry(settings, one).scoring_start() for one in SEGMENTS.scored}
    found = audit.audit(settings, SEGMENTS, starts)
    for check in found.checks:
        if not check.ok:
            say(f"{check.name}: {check.left:,} / {check.right:,}")
            return None
    say("all counts agree")
    return found


def _shifts(page: dict[str, Any]) -> str:
    seen = [f"{one['feature']}: {len(one['shifts'])} seen" for one in page["drift"]]
    return "; ".join(seen)
