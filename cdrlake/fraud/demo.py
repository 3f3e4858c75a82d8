"""The main job of card fraud: 50,000 events streamed, scored, learned, joined; two versions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cdrlake.fraud.cli import by_pipeline
from cdrlake.http import Api
from cdrlake.main_job import PATIENCE_S, Outcome, signs
from cdrlake.stack import Stack
from cdrlake.waiting import Waiter
from lakehouse import audit, registry
from lakehouse.clock import Clock
from lakehouse.domains.fraud import FRAUD
from lakehouse.domains.fraud.domain import CARDS
from lakehouse.domains.fraud.names import NAME
from lakehouse.domains.settings import Settings
from lakehouse.errors import ServiceError
from lakehouse.ledger import Ledger

PARTS = (("to begin with", 8), ("for the first version to score", 2))
BATCH = 5_000


def act(stack: Stack, clock: Clock) -> Outcome:
    """Stream, train, stream again, train again, and ask for a monitoring run."""
    settings, began, api = stack.settings, clock.now(), Api(stack.settings)
    waiter = Waiter(clock, PATIENCE_S, stack.check, signs(stack))
    for number, (why, batches) in enumerate(PARTS, 1):
        with stack.steps.step(f"POST /start_stream: events {why}") as step:
            stream = _stream(api, waiter, batches)
            step.say(f"{stream['sent_rows']:,} events, {stream['sent_outcomes']:,} truths")
        with stack.steps.step("Every event scored, every truth joined") as step:
            balanced = waiter.until(
                lambda said=step.say: _balanced(settings, said),  # type: ignore[misc]
                "the counts to reconcile",
            )
        with stack.steps.step(f"Train and announce version {number}") as step:
            told = by_pipeline(settings, waiter)
            if told.version is None:
                raise ServiceError.sentence(f"No version was trained: {told.reason}")
            step.say(f"{'champion' if told.promoted else 'not promoted'}: {told.reason}")
    with stack.steps.step("GET /run-monitoring"):
        monitoring = api.monitoring(f"/models/{CARDS.model}/run-monitoring")
    return Outcome(balanced, monitoring, began)


def _stream(api: Api, waiter: Waiter, batches: int) -> dict[str, Any]:
    body = {"domain": NAME, "mode": "replay", "batch_size": BATCH, "num_batches": batches}
    started = api.post("/start_stream", body | {"interval": 1})
    return waiter.until(
        lambda: _finished(api.get(f"/streams/{started['stream_id']}")), "the stream to finish"
    )


def _finished(stream: dict[str, Any]) -> dict[str, Any] | None:
    if stream["state"] == "failed":
        reason = str(stream.get("error")).rstrip(".")
        raise ServiceError.sentence(f"The stream failed: {reason}; see the simulator's log.")
    return stream if stream["state"] == "finished" else None


def _balanced(settings: Settings, say: Callable[[str], None]) -> Ledger | None:
    starts = {CARDS.model: registry.open_registry(settings, CARDS).scoring_start()}
    found = audit.audit(settings, FRAUD, starts)
    for check in found.checks:
        if not check.ok:
            say(f"{check.name}: {check.left:,} / {check.right:,}")
            return None
    say("all counts agree")
    return found
