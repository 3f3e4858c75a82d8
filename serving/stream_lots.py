"""Offsets that may be committed: those of lots whose decisions have all been acknowledged."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from confluent_kafka import KafkaError, Message

from lakehouse.errors import ServiceError
from lakehouse.kafka_access import Access


class Lot:
    """Messages read at once: where reading goes on after them, and how many answers are pending."""

    def __init__(self, access: Access) -> None:
        self.ends: dict[int, int] = {}
        self.pending = 0
        self.failure: str | None = None
        self._access = access

    def delivered(self, error: KafkaError | None, message: Message) -> None:
        """Delivery report of one answer."""
        self.pending -= 1
        if error is not None:
            self._access.note(error)
            self.failure = f"{error} for topic {message.topic()}"


class Lots:
    """Lots in the order in which they were read; offsets are released in that order."""

    def __init__(self) -> None:
        self._open: deque[Lot] = deque()
        self._due: dict[int, int] = {}

    def add(self, lot: Lot) -> None:
        """Keep a lot whose answers are on their way."""
        self._open.append(lot)

    def settle(self) -> None:
        """Release the offsets of the lots that are done.

        Raises `ServiceError` when an answer cannot be delivered; its lot is never released.
        """
        while self._open and self._open[0].pending <= 0:
            lot = self._open[0]
            if lot.failure is not None:
                raise ServiceError(
                    "the stream service", "every decision acknowledged", lot.failure,
                    "check the broker; after a restart the same messages are decided again",
                )  # fmt: skip
            self._due.update(lot.ends)
            self._open.popleft()

    def take_due(self) -> dict[int, int]:
        """Offsets to commit, by partition; each is handed out once."""
        due, self._due = self._due, {}
        return due

    def give_back(self, due: dict[int, int]) -> None:
        """Keep offsets whose commit failed, unless later ones have been released since."""
        self._due = {**due, **self._due}

    def forget(self, partitions: Iterable[int]) -> None:
        """Leave out partitions that another process has now."""
        for number in partitions:
            self._due.pop(number, None)
            for lot in self._open:
                lot.ends.pop(number, None)

    @property
    def is_settled(self) -> bool:
        """Whether every answer has been acknowledged."""
        return not self._open
