"""The processes of one installation while they run: watched, started again, stopped in order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import Self

from cdrlake.services.process import Child
from cdrlake.services.spark import MASTER, WORKER
from cdrlake.waiting import Signs
from lakehouse import progress
from lakehouse.clock import Clock
from lakehouse.errors import EXIT_PERMANENT, ServiceError

STOP_S = 20.0
# Who is used by all before it is stopped after them.
STOPPED_LAST = (WORKER, MASTER, "kafka", "mysql")
# A process that dies more often than this is not helped by another start.
DEATHS, WITHIN_S = 5, 300.0


class Watch:
    """Context manager over child processes; whatever happens, none is left when it ends."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.children: list[Child] = []
        self._starts: dict[str, Callable[[], Child]] = {}
        self._deaths: dict[str, list[float]] = defaultdict(list)
        self._away: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def check(self) -> None:
        """Raise `ServiceError` with the end of its log when a process has died.

        A Spark worker is started again instead: its tasks go on elsewhere meanwhile.
        """
        for child in self._dead():
            if not child.name.startswith(WORKER):
                raise _death(child)
            self._start_again(child)

    def keep(self, name: str, start: Callable[[], Child]) -> None:
        """Start a process and watch over it."""
        self._starts[name] = start
        self.children.append(start())

    def revive(self) -> list[str]:
        """Start again what has died; a sentence for each.

        Everything here goes on where it stopped, so a start is always safe. Raises `ServiceError`
        for a process that keeps dying, and at once for one that has said that no start helps it.
        """
        dead = self._dead()
        news = [f"{child.name} ended ({child.tail(1)}) and is started again" for child in dead]
        for child in dead:
            self._start_again(child)
        return news

    def restart(self, name: str) -> None:
        """Stop what is left of a process and its own children, and start it."""
        self.take_away(name)
        self._away.discard(name)
        number = [child.name for child in self.children].index(name)
        self.children[number] = self._starts[name]()

    def take_away(self, name: str) -> None:
        """Stop a process and its own children; until `restart`, nobody misses it."""
        self._away.add(name)
        next(child for child in self.children if child.name == name).stop(STOP_S)

    def heed(self, wanted: Collection[str]) -> list[str]:
        """Have the processes with these names away, and only them; a sentence for each change."""
        known = {child.name for child in self.children}
        leave, back = sorted(known & set(wanted) - self._away), sorted(self._away - set(wanted))
        for name in leave:
            self.take_away(name)
        for name in back:
            self.restart(name)
        return [
            *(f"{name} is taken away, as asked" for name in leave),
            *(f"{name} is brought back" for name in back),
        ]

    def _dead(self) -> list[Child]:
        return [one for one in self.children if not one.alive and one.name not in self._away]

    def _start_again(self, child: Child) -> None:
        now = self.clock.monotonic()
        recent = [moment for moment in self._deaths[child.name] if now - moment < WITHIN_S]
        if len(recent) >= DEATHS or child.exit_code == EXIT_PERMANENT:
            raise _death(child)
        self._deaths[child.name] = [*recent, now]
        self.restart(child.name)

    def memory_bytes(self) -> dict[str, int]:
        """Memory by process with all that it has started, each shared page counted once."""
        return {child.name: child.memory_bytes() for child in list(self.children)}

    def stop(self) -> None:
        """Stop every process: first who works, side by side, then step by step who is used."""
        for _, floor in groupby(sorted(self.children, key=_floor), _floor):
            side_by_side = list(floor)
            for child in side_by_side:
                child.ask_to_stop()
            for child in side_by_side:
                child.stop(STOP_S)
        self.children.clear()

    def signs_of(self, name: str, state: Path) -> Callable[[], Signs]:
        """What shows that a process moves: its log, its progress, and the processor it uses."""

        def signs() -> Signs:
            child = next(child for child in self.children if child.name == name)
            found = progress.read_pipeline(state, name)
            queries = progress.read_queries(state)
            batches = [(one.query, one.state, one.batch_id) for one in queries]
            phase = f"{found.phase} {found.detail}".strip() if found else ""
            return Signs((phase, batches), child.cpu_seconds(), phase)

        return signs


def _floor(child: Child) -> int:
    places = (n for n, name in enumerate(STOPPED_LAST, 1) if child.name.startswith(name))
    return next(places, 0)


def _death(child: Child) -> ServiceError:
    said = child.tail(5)
    return ServiceError.sentence(
        f"The process {child.name} ended with exit code {child.exit_code}: {said} "
        f"(its log is {child.log})",
        where=child.name,
        got=said,
    )
