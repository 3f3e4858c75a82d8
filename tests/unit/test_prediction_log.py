"""The log of served predictions goes on, whatever its sender raises."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence

import pytest

from lakehouse.clock import SystemClock
from lakehouse.errors import ServiceError, SettingsError
from serving.rest.log import PredictionLog

NO_FILE = SettingsError("kafka.client_properties", "a text file", "none", "correct it")
AWAY = ServiceError("Kafka", "an acknowledgement", "none", "check the broker")


class Unlucky:
    """A sender that cannot be opened at first."""

    def __init__(self, errors: Sequence[Exception]) -> None:
        self.errors = list(errors)
        self.truths: list[int] = []
        self.told = threading.Event()

    def opened(self) -> Unlucky:
        """The sender, or the next error."""
        if self.errors:
            raise self.errors.pop(0)
        return self

    def send(self, _topic: str, _key: str | bytes | None, value: str | bytes) -> None:
        """Keep the truth of a message."""
        self.truths.append(json.loads(value)["truth"])

    def deliver(self, _seconds: float = 0.0) -> None:
        """All is acknowledged."""
        self.told.set()


@pytest.mark.parametrize("error", [AWAY, NO_FILE, MemoryError()])
def test_what_comes_after_an_error_is_logged(error: Exception) -> None:
    sender, dropped = Unlucky([error]), threading.Semaphore(0)
    log = PredictionLog(sender.opened, SystemClock(), 10, lambda lost: dropped.release(lost))
    log.start()
    assert log.add_truth("lost", 0, 0)
    dropped.acquire()
    assert log.add_truth("kept", 0, 1)
    sender.told.wait()
    log.close()
    assert sender.truths == [1]
