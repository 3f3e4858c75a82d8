"""Ticks: an idle stream is told how far its time has come, so that its last windows close."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from lakehouse.clock import Clock
from lakehouse.settings import Settings
from lakehouse.ticks import send

IDLE_S = 10.0
# When to ask again whether a stream has been read to its end.
AGAIN_S = 1.0


@dataclass
class IdleTicker:
    """Lets the event time of idle streams go on at the pace of the clock.

    A stream is idle when no event has come for `idle_s` seconds. Its time is then its latest event,
    plus how long nothing has come: what the clock of a producer would say who has nothing to send.
    `latest` gives the latest event time of a stream, None before there is one. Where `is_open` is
    false, no window is left that time could close. A stream for which `is_level` is false is not
    idle: there are events, and nobody has read them yet.
    """

    settings: Settings
    streams: tuple[str, ...]
    clock: Clock
    latest: Callable[[str], datetime | None]
    is_level: Callable[[str], bool] = lambda _: True
    is_open: Callable[[str], bool] = lambda _: True
    idle_s: float = IDLE_S
    _seen: dict[str, tuple[datetime, float]] = field(default_factory=dict)
    _ticked: dict[str, float] = field(default_factory=dict)

    def look(self) -> None:
        """Send a tick for each stream that has been idle since the last one."""
        now = self.clock.monotonic()
        for stream in self.streams:
            latest = self.latest(stream)
            if latest is None:
                continue
            moment, since = self._seen.get(stream, (None, now))
            if moment != latest:
                self._seen[stream] = (latest, now)
                continue
            last = self._ticked.get(stream, since)
            if now - max(since, last) < self.idle_s:
                continue
            if self.is_open(stream) and self.is_level(stream):
                send(self.settings, stream, latest + timedelta(seconds=now - since))
                self._ticked[stream] = now
            else:
                self._ticked[stream] = now - self.idle_s + AGAIN_S


def latest_of(progress: Sequence[Mapping[str, Any]]) -> datetime | None:
    """The latest event time that the batches of a query have seen."""
    seen = [one["eventTime"]["max"] for one in progress if "max" in one.get("eventTime", {})]
    return max(map(datetime.fromisoformat, seen), default=None)


def has_open(progress: Mapping[str, Any] | None) -> bool:
    """Whether a query still keeps rows of windows, after its last batch, that are not final."""
    operators = [] if progress is None else progress["stateOperators"]
    return any(one["numRowsTotal"] for one in operators)
