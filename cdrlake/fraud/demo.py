"""The main job of card fraud: events streamed, scored, learned, joined; two versions, swapped."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from cdrlake.fraud.cli import by_pipeline
from cdrlake.fraud.clients import Clients
from cdrlake.http import Api
from cdrlake.main_job import PATIENCE_S, Outcome, signs
from cdrlake.stack import Stack
from cdrlake.waiting import Waiter
from flaskapp.fraud.rows import read_file
from lakehouse import audit
from lakehouse.clock import Clock
from lakehouse.domains.fraud import FRAUD
from lakehouse.domains.fraud.contracts import FEATURES
from lakehouse.domains.fraud.domain import CARDS
from lakehouse.domains.fraud.names import NAME
from lakehouse.domains.settings import Settings
from lakehouse.errors import ServiceError
from lakehouse.ledger import Ledger
from lakehouse.registry import open_registry

EVENTS, BATCH = 50_000, 5_000
PARTS = (("to begin with", 0.70), ("for version 1", 0.15), ("for version 2", 0.15))
VERSIONS = 2
# Truth of the demo, in minutes after its event at the latest: a few hours of events must do.
LATEST_TRUTH = 60
PAYMENT = dict.fromkeys(FEATURES, "0.1") | {"Amount": "33.62", "ingest_ts": 1}


def act(stack: Stack, clock: Clock) -> Outcome:
    """Stream, train, stream again, train again, stream once more, and ask for monitoring."""
    settings, began, api = stack.settings, clock.now(), Api(stack.settings)
    waiter = Waiter(clock, PATIENCE_S, stack.check, signs(stack))
    total = _available(settings)
    for number, (why, share) in enumerate(PARTS, 1):
        with stack.steps.step(f"POST /start_stream: events {why}") as step:
            stream = _stream(api, waiter, round(total * share))
            step.say(f"{stream['sent_rows']:,} events, {stream['sent_outcomes']:,} truths")
        with stack.steps.step("Every event scored and learned, every truth joined") as step:
            balanced = waiter.until(
                lambda said=step.say: _balanced(settings, said),  # type: ignore[misc]
                "the counts to reconcile",
            )
        if number <= VERSIONS:
            _train(stack, waiter, number)
        if number == VERSIONS:
            _swap(stack, waiter)
    with stack.steps.step("GET /run-monitoring"):
        monitoring = api.monitoring(f"/models/{CARDS.model}/run-monitoring")
    return Outcome(balanced, monitoring, began)


def _available(settings: Settings) -> int:
    source = settings.fraud.source
    return EVENTS if source is None else min(EVENTS, len(read_file(source, settings.fraud).frame))


def _train(stack: Stack, waiter: Waiter, number: int) -> None:
    with stack.steps.step(f"Train and announce version {number}") as step:
        told = by_pipeline(stack.settings, waiter)
        if told.version is None:
            raise ServiceError.sentence(f"No version was trained: {told.reason}")
        step.say(f"{'champion' if told.promoted else 'not promoted'}: {told.reason}")


def _swap(stack: Stack, waiter: Waiter) -> None:
    """Promote the other version and the champion again, by hand, while clients keep asking."""
    versions = open_registry(stack.settings, CARDS)
    champion = versions.champion()
    if champion is None:
        raise ServiceError.sentence("There is no champion to be swapped; see the log of training.")
    other = next(one.number for one in versions.versions() if one.number != champion.number)
    swaps = (champion.number, other, champion.number)
    with stack.steps.step("Swap the served version and back, under load") as step:
        waiter.until(lambda: _answers(stack.settings, champion.number), "the champion to answer")
        with Clients(lambda: _ask(stack.settings), stack.clock) as clients:
            waiter.until(partial(_are_at, clients, champion.number), "every client's first answer")
            for number in swaps[1:]:
                versions.promote(number, "to show a swap")
                waiter.until(partial(_are_at, clients, number), f"version {number} to answer")
        step.say(clients.verdict(swaps))


def _are_at(clients: Clients, version: int) -> bool | None:
    return True if clients.are_at(version) else None


def _ask(settings: Settings) -> int:
    return int(Api(settings).predict(f"/{NAME}/predict", PAYMENT)["version"])


def _answers(settings: Settings, version: int | None) -> bool | None:
    try:
        return True if _ask(settings) == version else None
    except ServiceError:  # 503 before the first version
        return None


def _stream(api: Api, waiter: Waiter, events: int) -> dict[str, Any]:
    batches = -(-events // BATCH)
    started = api.post("/start_stream", {
        "domain": NAME, "mode": "replay", "batch_size": -(-events // batches),
        "num_batches": batches, "interval": 1, "most_minutes": LATEST_TRUTH,
    })  # fmt: skip
    return waiter.until(
        lambda: _finished(api.get(f"/streams/{started['stream_id']}")), "the stream to finish"
    )


def _finished(stream: dict[str, Any]) -> dict[str, Any] | None:
    if stream["state"] == "failed":
        reason = str(stream.get("error")).rstrip(".")
        raise ServiceError.sentence(f"The stream failed: {reason}; see the simulator's log.")
    return stream if stream["state"] == "finished" else None


def _balanced(settings: Settings, say: Callable[[str], None]) -> Ledger | None:
    starts = {CARDS.model: open_registry(settings, CARDS).scoring_start()}
    found = audit.audit(settings, FRAUD, starts)
    for check in found.checks:
        if not check.ok:
            say(f"{check.name}: {check.left:,} / {check.right:,}")
            return None
    say("all counts agree")
    return found
