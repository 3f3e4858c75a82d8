"""The main job, `cdrlake demo`: what it must not wipe, what it may use, and how it is judged."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cdrlake import extension
from cdrlake.console import Steps
from cdrlake.memory import PeakMemory
from cdrlake.stack import Stack
from cdrlake.waiting import Signs
from lakehouse import progress
from lakehouse.clock import SystemClock
from lakehouse.domain import Domain
from lakehouse.domains.settings import Settings, load
from lakehouse.errors import LedgerError, ServiceError
from lakehouse.ledger import Ledger

MARKER = "demo"
MAX_MINUTES = 6
MAX_MEMORY_GIB = 6
PATIENCE_S = 120.0


@dataclass(frozen=True)
class Outcome:
    """The result of a demo."""

    ledger: Ledger
    monitoring: dict[str, Any]
    began: datetime


@dataclass(frozen=True)
class Cost:
    """What a run took: seconds, and bytes by process at the moment when their sum was highest."""

    seconds: float
    memory: dict[str, int]


def has_demo(domain: Domain) -> bool:
    """Whether the domain has a main job."""
    own = extension.of(domain)
    return own.act is not None and own.show is not None


def run(settings: Settings, domain: Domain, cluster: bool = False) -> Cost:
    """Run the main job of a domain and print its summary; what it took.

    Raises `LedgerError` when two counts differ, and `ServiceError` for a domain without a main job
    or one that took more memory than the machine is asked to have.
    """
    own = extension.of(domain)
    if own.act is None or own.show is None:
        raise ServiceError.sentence(
            f"The domain {domain.name} has no demo; start it with `cdrlake up --domain "
            f"{domain.name}`."
        )
    prepare_state(settings)
    settings = load()  # the passwords of an earlier demo went with its state
    clock = SystemClock()
    began = clock.monotonic()
    with (
        Steps() as steps,
        Stack(settings, steps, clock, cluster, (domain,)) as stack,
        PeakMemory(stack.memory_bytes, clock) as memory,
    ):
        stack.start()
        outcome = own.act(stack, clock)
    cost = Cost(clock.monotonic() - began, memory.at_peak)
    own.show(stack.settings, outcome, cost)
    require_balance(outcome.ledger)
    if not cluster:
        require_memory(memory.peak_bytes, own.memory_gib)
    return cost


def prepare_state(settings: Settings) -> None:
    """Start with a clean state; state that a demo did not make is never wiped.

    Raises `ServiceError` when the state folder holds somebody's installation.
    """
    state = settings.state
    if state.exists() and any(state.iterdir()) and not (state / MARKER).exists():
        raise ServiceError.sentence(
            f"{state} holds an installation, and a demo begins with an empty state folder; run "
            "`cdrlake reset` first.",
            where=str(state),
        )
    shutil.rmtree(state, ignore_errors=True)
    state.mkdir(parents=True, exist_ok=True)
    (state / MARKER).touch()


def require_balance(found: Ledger) -> None:
    """Raise `LedgerError` naming the first two counts that differ."""
    for check in found.checks:
        if not check.ok:
            raise LedgerError.sentence(
                f"The ledger does not agree: {check.name} is {check.left:,} against "
                f"{check.right:,}; if rows are on their way, ask again, otherwise see the logs.",
                where=check.name,
                needed=f"{check.left:,}",
                got=f"{check.right:,}",
            )


def require_memory(peak_bytes: int, most_gib: int = MAX_MEMORY_GIB) -> None:
    """Raise `ServiceError` when the main job has used more memory than promised."""
    if peak_bytes > most_gib * 1024**3:
        raise ServiceError.sentence(
            f"The main job took {peak_bytes / 1024**3:.1f} GiB of memory and may take "
            f"{most_gib} GiB; the table above shows which process had it.",
            where="memory",
        )


def signs(stack: Stack) -> Callable[[], Signs]:
    """The signs that the main job is making progress: its queries' batches and processor time."""

    def look() -> Signs:
        queries = progress.read_queries(stack.settings.state)
        batches = [(query.query, query.batch_id) for query in queries]
        return Signs(batches, sum(child.cpu_seconds() for child in stack.children))

    return look
