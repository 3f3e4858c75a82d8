"""What a message of a feed must satisfy, computed once for all messages of a batch."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from lakehouse.contracts import Contract, Field
from lakehouse.domain import Feed
from lakehouse.settings.model import DomainSettings
from pyspark_jobs.ingest.json_values import CONVERTERS, RANGES

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
MOMENTS_AHEAD = timedelta(days=1)
# A date may be announced (when a label will be known, say), a moment cannot.
DATES_AHEAD = timedelta(days=366)


class FieldCheck(NamedTuple):
    """How a field is read, and what its value must be.

    Numbers, times and dates have bounds `low` and `high`, and so has the length of a text with a
    `max_length`; for others they are None.
    """

    spec: Field
    convert: Callable[[Any], Any]
    pattern: re.Pattern[str] | None
    low: Any
    high: Any


@dataclass(frozen=True)
class Rules:
    """What a message of `feed` must satisfy at the moment `now` of the lake's clock.

    `now` bounds every time, since the broker's timestamp is set by the producer. The calendar date
    of the feed's event time in `timezone` must not be before `oldest`. If `known` is given, other
    entities are rejected.
    """

    feed: Feed
    now: datetime
    timezone: str = "UTC"
    max_bytes: int = 256 * 1024
    oldest: date | None = None
    known: frozenset[str] | None = None

    @classmethod
    def of(cls, feed: Feed, limits: DomainSettings, timezone: str, now: datetime) -> Rules:
        """The rules of a feed, within its domain's limits."""
        return cls(feed, now, timezone, limits.max_message_kib * 1024)

    @property
    def contract(self) -> Contract:
        """The contract of the messages."""
        return self.feed.message

    @cached_property
    def zone(self) -> ZoneInfo:
        """The timezone of calendar dates."""
        return ZoneInfo(self.timezone)

    @cached_property
    def names(self) -> frozenset[str]:
        """Names of the contract's fields; all others are extras."""
        return frozenset(self.contract.names)

    @cached_property
    def checks(self) -> tuple[FieldCheck, ...]:
        """What to check for each field, computed once for all messages."""
        return tuple(
            FieldCheck(
                spec,
                CONVERTERS[spec.kind],
                re.compile(spec.pattern) if spec.pattern else None,
                *self._bounds(spec),
            )
            for spec in self.contract.fields
        )

    def _bounds(self, spec: Field) -> tuple[Any, Any]:
        if spec.kind == "timestamp":
            return EARLIEST, self.now + MOMENTS_AHEAD
        if spec.kind == "date":
            return EARLIEST.date(), (self.now + DATES_AHEAD).date()
        if spec.max_length is not None:
            return 0, spec.max_length
        low, high = RANGES.get(spec.kind, (None, None))
        return (
            low if spec.minimum is None else spec.minimum,
            high if spec.maximum is None else spec.maximum,
        )
