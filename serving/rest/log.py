"""The log of predictions: to Kafka, beside the answers, in bounded memory.

An answer never waits for the log. What the queue has no room for is dropped and counted.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

import msgspec
import numpy as np

from lakehouse.clock import Clock
from lakehouse.errors import ServiceError
from lakehouse.models.forest import Floats
from lakehouse.retry import Backoff
from serving.rest.answers import Scored
from serving.rest.records import reader

LOG = logging.getLogger(__name__)
PREDICTIONS, TRUTHS = "served-predictions", "served-truths"
_IDLE_S, _FLUSH_S = 0.2, 10.0
_LOT = 1_000
# Text of a caller that is longer than so many times the rows it holds is not kept.
_LONGEST = 8
_QUOTE = ord('"')
_LIST = msgspec.json.Decoder(list[msgspec.Raw])


class Served(msgspec.Struct, frozen=True):
    """A served record: its features by name, who answered what, and what the shadow says."""

    event_id: str
    request_id: str
    record: int
    served_at: datetime
    model: str
    version: int
    features: msgspec.Struct | msgspec.Raw
    probability: float
    prediction: int
    entity: str | None
    shadow_version: int | None
    shadow_probability: float | None


class Truth(msgspec.Struct, frozen=True):
    """What turned out to be true of a served record."""

    event_id: str
    request_id: str
    record: int
    truth: int
    known_at: datetime


class Sender(Protocol):
    """Where messages go: `lakehouse.publisher.Publisher`."""

    def send(self, topic: str, key: str | bytes | None, value: str | bytes) -> None:
        """Hand over one message."""
        ...

    def deliver(self, seconds: float = ...) -> None:
        """Wait until every message is acknowledged."""
        ...


_Entry = tuple[Scored, Scored | None, str | list[str], datetime]
_Dropped = Callable[[int], None]


class PredictionLog:
    """A queue of at most `room` records and the thread that empties it.

    Without `connect`, nothing is logged.
    """

    def __init__(
        self, connect: Callable[[], Sender] | None, clock: Clock, room: int, dropped: _Dropped
    ) -> None:
        self._connect, self._clock, self._room, self._dropped = connect, clock, room, dropped
        self._queue: deque[_Entry | Truth] = deque()
        self._waiting = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="prediction log", daemon=True)

    @property
    def is_on(self) -> bool:
        """Whether predictions are logged."""
        return self._connect is not None

    def start(self) -> None:
        """Begin to send."""
        if self.is_on:
            self._thread.start()

    def close(self) -> None:
        """Send what is there, for a few seconds at most, and stop."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(_FLUSH_S)

    def add(self, scored: Scored, shadow: Scored | None, request: str | list[str]) -> None:
        """Log an answer, or answers to as many requests as there are rows; never waits."""
        if not self.is_on:
            return
        count = len(scored.rows)
        if self._waiting + count > self._room:
            self._dropped(count)
            return
        self._waiting += count
        if scored.text is not None and not _is_plain(scored.text, scored.rows):
            scored = replace(scored, text=None)
        self._queue.append((scored, shadow, request, self._clock.now()))

    def add_truth(self, request_id: str, record: int, truth: int) -> bool:
        """Log the truth of a record; whether there was room."""
        if self._waiting >= self._room:
            return False
        self._waiting += 1
        event_id = f"{request_id}:{record}"
        self._queue.append(Truth(event_id, request_id, record, truth, self._clock.now()))
        return True

    def _run(self) -> None:
        backoff = Backoff(self._clock, self._stop)
        sender: Sender | None = None
        while self._queue or not self._stop.is_set():
            lot = self._take()
            if not lot:
                self._clock.wait(self._stop, _IDLE_S)
                continue
            try:
                sender = sender or self._opened()
                self._send(sender, lot)
                backoff.reset()
            except Exception as error:  # whatever it is: a log that has ended loses all the rest
                sender = None
                self._dropped(sum(map(_size, lot)))
                LOG.warning("the prediction log lost %s entries: %s", len(lot), error)
                backoff.wait()

    def _opened(self) -> Sender:
        if self._connect is None:
            raise ServiceError.sentence("The prediction log is switched off.")
        return self._connect()

    def _take(self) -> list[_Entry | Truth]:
        lot = [self._queue.popleft() for _ in range(min(len(self._queue), _LOT))]
        self._waiting -= sum(map(_size, lot))
        return lot

    @staticmethod
    def _send(sender: Sender, lot: list[_Entry | Truth]) -> None:
        for entry in lot:
            if isinstance(entry, Truth):
                sender.send(TRUTHS, entry.event_id, msgspec.json.encode(entry))
            else:
                for one in _records(entry):
                    sender.send(PREDICTIONS, one.event_id, msgspec.json.encode(one))
        sender.deliver(_FLUSH_S)


def _size(entry: _Entry | Truth) -> int:
    return 1 if isinstance(entry, Truth) else len(entry[0].rows)


def _records(entry: _Entry) -> Iterator[Served]:
    scored, shadow, request, at = entry
    model, features = scored.model, _features(scored)
    shadow_version = shadow.model.version if shadow else None
    told = shadow.probabilities if shadow else [None] * len(features)
    answers = zip(features, scored.probabilities, scored.predictions, told, strict=True)
    for number, (record, probability, prediction, other) in enumerate(answers):
        request_id, place = (request, number) if isinstance(request, str) else (request[number], 0)
        yield Served(
            f"{request_id}:{place}", request_id, place, at, model.name, model.version,
            record, probability, prediction, scored.key, shadow_version, other,
        )  # fmt: skip


def _is_plain(text: bytes, rows: Floats) -> bool:
    """Whether it is not much longer than the rows, and names each of their values once.

    Of a name that a record has twice, the model saw the last value.
    """
    if len(text) > _LONGEST * rows.nbytes:
        return False
    # Eight times as fast as `bytes.count`, where there is something to count all the time.
    quotes = np.count_nonzero(np.frombuffer(text, np.uint8) == _QUOTE)
    return bool(quotes == 2 * rows.size)


def _features(scored: Scored) -> Sequence[msgspec.Struct | msgspec.Raw]:
    """Each row's features by name, in the words of the caller where these were kept.

    To write a hundred rows of numbers anew takes longer than to score them.
    """
    if scored.text is not None:
        return _LIST.decode(scored.text)
    record = reader(scored.model.features).record
    return [record(*row) for row in scored.rows.tolist()]
