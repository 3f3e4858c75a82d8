"""Where usage comes from, day by day: the simulated world, or an operator's files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Protocol

import polars as pl


@dataclass(frozen=True)
class SourceDay:
    """A calendar day: its usage in order of time, and the subscribers first seen on it.

    `subscribers` has DP_MSISDN, segment, region, activated_on.
    """

    date: date
    events: pl.DataFrame
    subscribers: pl.DataFrame


class Source(Protocol):
    """Days of usage: those up to `history_end` are history, the rest are for replay."""

    @property
    def name(self) -> str:
        """Name under which progress is stored."""
        ...

    @property
    def first(self) -> date:
        """The first day."""
        ...

    @property
    def history_end(self) -> date:
        """The last day of history."""
        ...

    @property
    def last(self) -> date:
        """The last available day."""
        ...

    def days(self, first: date, last: date) -> Iterator[SourceDay]:
        """Each calendar day from `first` to `last`, including empty ones."""
        ...
