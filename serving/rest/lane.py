"""The short way for plain predictions: one record by features, for a champion.

All of them that arrive in one turn of the event loop are scored as one matrix, which costs little
more than scoring one of them and gives each the same bits. Whatever is not plain, or wrong in any
way, takes the long way through `App` instead, which knows how to answer it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from itertools import pairwise
from typing import Protocol

import numpy as np

from serving.models import NotReadyError
from serving.rest import answers
from serving.rest.answers import Scored
from serving.rest.door import Door
from serving.rest.errors import Problem, RestError
from serving.rest.exchange import identified
from serving.rest.gate import Gate, Headers
from serving.rest.records import reader, require_finite
from serving.served import LoadedModel

LABEL = "/models/{name}/predict"
OVERLOAD = "Too many concurrent requests; try again in a second."
_BUSY = answers.encode(Problem(OVERLOAD))
SHED = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 1\r\n"
    b"x-content-type-options: nosniff\r\ncontent-length: %d\r\n\r\n%b" % (len(_BUSY), _BUSY)
)
_STAGES = b"model;dur=%.3f, validate;dur=%.3f, score;dur=%.3f, answer;dur=%.3f"
_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-content-type-options: nosniff\r\n"
    b"server-timing: read;dur=%.3f, %b\r\ncontent-length: %d\r\nx-request-id: %b\r\n\r\n"
)


Row = tuple[float, ...]


class Caller(Protocol):
    """A connection whose request is complete."""

    headers: Headers
    body: bytes
    began: float  # by the loop's clock, which is the monotonic one

    def reply(self, data: bytes) -> None:
        """Send a whole answer."""
        ...

    def take_long_way(self, own_id: str | None, is_admitted: bool) -> None:
        """Have `App` answer; the gate need not let in again who `is_admitted`."""
        ...


# A caller with the request's own id.
Plain = tuple[Caller, str | None]


class Lane:
    """Predictions that wait for the end of the loop's turn.

    `begun` counts those whose head has arrived and that are not answered yet.
    """

    def __init__(self, door: Door, gate: Gate) -> None:
        self._door, self._gate, self._now = door, gate, door.clock.monotonic
        self.targets: Mapping[bytes, str] = {
            f"/models/{name}/predict".encode(): name for name in door.models.names
        }
        self.most_bytes = door.settings.max_body_kib * 1024
        self.begun = 0
        self._waiting: list[tuple[str, Caller]] = []

    def add(self, name: str, caller: Caller) -> None:
        """Take a request for a model."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self.flush)
        self._waiting.append((name, caller))

    def shed(self, caller: Caller) -> None:
        """Turn a request away."""
        self._door.metrics.refused("overload")
        self._door.metrics.answered(LABEL, 503, self._now() - caller.began)
        caller.reply(SHED)

    def flush(self) -> None:
        """Answer everything that waits."""
        waiting, self._waiting = self._waiting, []
        callers: dict[str, list[Caller]] = {}
        for name, caller in waiting:
            callers.setdefault(name, []).append(caller)
        for name, some in callers.items():
            self._answer(name, some)

    def _answer(self, name: str, callers: list[Caller]) -> None:
        at = [self._now()]
        model = self._champion(name)
        if model is None:
            for caller in callers:
                caller.take_long_way(None, is_admitted=False)
            return
        at.append(self._now())
        plain, rows = self._read(model, callers)
        at.append(self._now())
        scored = self._score(model, plain, rows) if plain else None
        if scored is not None:
            at.append(self._now())
            self._reply(plain, scored, at)

    def _champion(self, name: str) -> LoadedModel | None:
        """Who answers, if that needs no loading."""
        models = self._door.models
        try:
            return models.served(name).champion if models.is_current(name) else None
        except NotReadyError:
            return None

    def _read(self, model: LoadedModel, callers: list[Caller]) -> tuple[list[Plain], list[Row]]:
        """Whoever may be answered here, with the request's own id, and the rows of features."""
        plain: list[Plain] = []
        rows: list[Row] = []
        admit, values = self._gate.admit, reader(model.features).values
        for caller in callers:
            own, is_admitted = None, False
            try:
                own = admit(caller.headers, "data", acts=True)
                is_admitted = True
                rows.append(values(caller.body))
            except RestError:
                caller.take_long_way(own, is_admitted)
                continue
            plain.append((caller, own))
        return plain, rows

    def _score(self, model: LoadedModel, plain: list[Plain], rows: list[Row]) -> Scored | None:
        """The scores; None where all of them have to take the long way, to see whose is wrong."""
        try:
            matrix = np.array(rows, dtype=np.float64)
            require_finite(matrix, model.features)
            return self._door.score(model, matrix)
        except Exception:  # of any kind of model
            for caller, own in plain:
                caller.take_long_way(own, is_admitted=True)
            return None

    def _reply(self, plain: list[Plain], scored: Scored, at: list[float]) -> None:
        ids = [identified(own) for _, own in plain]
        bodies = answers.ones(scored, ids)
        at.append(self._now())
        stages = _STAGES % tuple((after - before) * 1e3 for before, after in pairwise(at))
        began, took = at[0], list[float]()
        for (caller, _), request_id, body in zip(plain, ids, bodies, strict=True):
            wait = (began - caller.began) * 1e3
            caller.reply(_HEAD % (wait, stages, len(body), request_id.encode()) + body)
            took.append(self._now() - caller.began)
        self._door.metrics.answered_lot(LABEL, took)
        self._door.record(scored, ids, "predict")
