"""Clients that keep asking while the served version is swapped, and what they saw."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
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
    def seen(self) -> list[int]:
        """The versions without repetitions that follow one another.

        >>> Client([1, 1, 2, 1]).seen
        [1, 2, 1]
        """
        return [version for version, _ in groupby(self.versions)]


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

    def are_at(self, version: int) -> bool:
        """Whether this version was the last to answer each client, or some client got an error."""
        return all(one.versions[-1:] == [version] or one.errors for one in self.all)

    def verdict(self, swaps: Sequence[int]) -> str:
        """What they saw of these versions, which were swapped in this order.

        Raises `ServiceError` if a request failed, or a client was answered by a version that had
        been replaced already.
        """
        errors = [error for one in self.all for error in one.errors]
        if errors:
            raise ServiceError.sentence(
                f"{len(errors)} requests failed while versions were swapped, such as: "
                f"{errors[0].rstrip('.')}."
            )
        for client in self.all:
            if client.seen != list(swaps):
                raise ServiceError.sentence(
                    f"Versions were swapped as {_in_words(swaps)}, and a client was answered by "
                    f"{_in_words(client.seen)}."
                )
        asked = sum(len(one.versions) for one in self.all)
        return f"{asked:,} requests, none failed, answered by version {_in_words(swaps)}"

    def _run(self, client: Client) -> None:
        while not self._stop.is_set():
            try:
                client.versions.append(self._ask())
            except ServiceError as error:
                client.errors.append(str(error))
            self._clock.wait(self._stop, PAUSE_S)


def _in_words(versions: Sequence[int]) -> str:
    return ", then ".join(map(str, versions))
