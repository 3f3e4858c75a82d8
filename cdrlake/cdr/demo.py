"""The main job, run as a user would run it: from one POST to a monitored churn prediction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cdrlake.cdr import served_again
from cdrlake.http import Api
from cdrlake.main_job import PATIENCE_S, Outcome, signs
from cdrlake.stack import Stack
from cdrlake.waiting import Waiter
from lakehouse import audit, registry
from lakehouse.clock import Clock
from lakehouse.domains.cdr import CDR, names
from lakehouse.domains.cdr.domain import CHURN
from lakehouse.domains.settings import Settings
from lakehouse.errors import ServiceError
from lakehouse.ledger import Ledger


def act(stack: Stack, clock: Clock) -> Outcome:
    """Replay the days after history, wait for every prediction, and ask for a monitoring run."""
    settings, began = stack.settings, clock.now()
    api = Api(settings)
    waiter = Waiter(clock, PATIENCE_S, stack.check, signs(stack))
    with stack.steps.step("POST /start_stream: replay the next days") as step:
        days = settings.source.replay_days if settings.source.files else settings.world.replay_days
        body = {"mode": "replay", "num_batches": days, "interval": 1, "days_per_batch": 1}
        started = api.post("/start_stream", body)
        stream = waiter.until(
            lambda: _finished(api.get(f"/streams/{started['stream_id']}")),
            "the stream to finish",
        )
        step.say(f"{stream['sent_rows']:,} rows")
    with stack.steps.step("Every event has its prediction") as step:
        balanced = waiter.until(lambda: _balanced(settings, step.say), "the counts to reconcile")
    with stack.steps.step("POST /models/.../predict: the last prediction once more") as step:
        step.say(served_again.compare(settings, api))
    with stack.steps.step("GET /run-monitoring"):
        monitoring = api.monitoring("/run-monitoring")
    return Outcome(balanced, monitoring, began)


def _finished(stream: dict[str, Any]) -> dict[str, Any] | None:
    if stream["state"] == "failed":
        reason = str(stream.get("error")).rstrip(".")
        raise ServiceError.sentence(f"The stream failed: {reason}; see the simulator's log.")
    return stream if stream["state"] == "finished" else None


def _balanced(settings: Settings, say: Callable[[str], None]) -> Ledger | None:
    starts = {names.MODEL_NAME: registry.open_registry(settings, CHURN).scoring_start()}
    found = audit.audit(settings, CDR, starts)
    for check in found.checks:
        if not check.ok:
            say(f"{check.name}: {check.left:,} / {check.right:,}")
            return None
    say("all counts agree")
    return found
