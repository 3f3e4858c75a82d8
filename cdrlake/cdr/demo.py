"""The main job, run as a user would run it: from one POST to a monitored churn prediction."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cdrlake.http import Api
from cdrlake.stack import Stack
from cdrlake.waiting import Waiter
from lakehouse import audit, registry
from lakehouse.clock import Clock
from lakehouse.domains.cdr import CDR, names
from lakehouse.domains.cdr.domain import CHURN
from lakehouse.domains.settings import Settings
from lakehouse.errors import LedgerError, ServiceError
from lakehouse.ledger import Ledger

MARKER = "demo"
STREAM_TIMEOUT_S = 240.0


@dataclass(frozen=True)
class Outcome:
    """What a demo ends with."""

    ledger: Ledger
    monitoring: dict[str, Any]
    began: datetime


def prepare_state(settings: Settings) -> None:
    """Begin with a clean state; one that a demo did not make is never wiped.

    Raises `ServiceError` when the state folder holds somebody's installation.
    """
    state = settings.state
    if state.exists() and any(state.iterdir()) and not (state / MARKER).exists():
        raise ServiceError(
            str(state), "an empty state folder", "an installation", "run `cdrlake reset` first"
        )
    shutil.rmtree(state, ignore_errors=True)
    state.mkdir(parents=True)
    (state / MARKER).touch()


def act(stack: Stack, clock: Clock) -> Outcome:
    """Replay the days after history, wait for every prediction, and ask for a monitoring run."""
    settings, began = stack.settings, clock.now()
    api = Api(settings)
    waiter = Waiter(clock, STREAM_TIMEOUT_S, stack.check)
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
    with stack.steps.step("GET /run-monitoring"):
        monitoring = api.monitoring("/run-monitoring")
    return Outcome(balanced, monitoring, began)


def _finished(stream: dict[str, Any]) -> dict[str, Any] | None:
    if stream["state"] == "failed":
        raise ServiceError("the stream", "to finish", str(stream.get("error")), "see the log")
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


def require_balance(found: Ledger) -> None:
    """Raise `LedgerError` naming the first two counts that differ."""
    for check in found.checks:
        if not check.ok:
            raise LedgerError(
                check.name,
                f"{check.left:,}",
                f"{check.right:,}",
                "see `cdrlake ledger` and the logs",
            )
