"""Clients that keep asking while a champion is swapped, and what they saw."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from types import TracebackType
from typing import Self

from lakehouse.clock import Clock
from lakehouse.errors import ServiceError

COUNT, PAUSE_S = 4, 0.005
Ask = Callable[[], int]


@dataclass
class Client:
    """The versions that answered one client, in order, and the errors that it got."""

    versions: list[int] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def is_in_order(self) -> bool:
        """Whether no version came after a newer one."""
        return all(before <= after for before, after in pairwise(self.versions))


class Clients:
    """Context manager: `COUNT` clients call `ask`, which returns the version that answered."""

    def __init__(self, ask: Ask, clock: Clock) -> None:
        self._ask, self._clock, self._stop = ask, clock, threading.Event()
        self.all = [Client() for _ in range(COUNT)]
        self._threads = [threading.Thread(target=self._run, args=(one,)) for one in self.all]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def have_seen(self, version: int) -> bool:
        """Whether this version was the last to answer each client."""
        return all(one.versions[-1:] == [version] for one in self.all)

    def verdict(self) -> str:
        """What they saw. Raises `ServiceError` if a request failed or a version went backwards."""
        errors = [error for one in self.all for error in one.errors]
        if errors:
            raise ServiceError.sentence(
                f"{len(errors)} requests failed while the champion was swapped, such as: "
                f"{errors[0].rstrip('.')}."
            )
        if not all(one.is_in_order for one in self.all):
            raise ServiceError.sentence("A client was answered by an older version after a newer.")
        asked = sum(len(one.versions) for one in self.all)
        seen = sorted({version for one in self.all for version in one.versions})
        return (
            f"{asked:,} requests, none failed, answered by version {' then '.join(map(str, seen))}"
        )

    def _run(self, client: Client) -> None:
        while not self._stop.is_set():
            try:
                client.versions.append(self._ask())
            except ServiceError as error:
                client.errors.append(str(error))
            self._clock.wait(self._stop, PAUSE_S)
