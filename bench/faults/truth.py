"""The independent ledger: what the world produced, from its seed, beside what the lake holds.

It asks neither the database nor Kafka nor Spark what was sent: the same seed gives the same rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import polars as pl

from flaskapp.cdr.world import World
from lakehouse import store
from lakehouse.domains.cdr import names
from lakehouse.domains.cdr.contracts import MEASURES
from lakehouse.domains.settings import Settings
from lakehouse.names import table_uri

KEY = ("User", "Date")
EVENTS = "events"
AMOUNTS = (*(measure.name for measure in MEASURES), EVENTS)


@dataclass(frozen=True)
class Verdict:
    """Events that should be there, are missing, are counted twice; cells that differ besides."""

    events: int
    lost: int
    doubled: int
    wrong_cells: int

    @property
    def held(self) -> bool:
        """Whether nothing is lost, doubled or wrong."""
        return self.lost == self.doubled == self.wrong_cells == 0


class Truth:
    """Daily sums of everything produced so far."""

    def __init__(self, world: World) -> None:
        days = world.settings.history_days + world.settings.replay_days
        self._days: Iterator[pl.DataFrame] = world.days(0, days - 1)
        self._world, self._done = world, -1
        self._daily: list[pl.DataFrame] = []
        self._others: list[pl.DataFrame] = []

    def produced(self, events: pl.DataFrame) -> None:
        """Count events that came from elsewhere: User, Date and the measures."""
        self._others.append(_summed(events))

    def verdict(self, settings: Settings, last: date) -> Verdict:
        """Compare silver, cell by cell, with the world up to the day `last`."""
        held = store.scan(table_uri(settings.lake_uri, names.SILVER_DAILY))
        amounts = (_whole(measure.name) for measure in MEASURES)
        found = held.select(*KEY, *amounts, pl.col(EVENTS).cast(pl.Int64)).collect()
        return compare(self._expected(last), found)

    def _expected(self, last: date) -> pl.DataFrame:
        while self._world.date_of(self._done) < last:
            self._done += 1
            day = next(self._days)
            dated = day.select(
                pl.col("DP_MSISDN").alias("User"),
                pl.lit(self._world.date_of(self._done)).alias("Date"),
                *(measure.name for measure in MEASURES),
            )
            self._daily.append(_summed(dated))
        return pl.concat([*self._daily, *self._others])


def compare(expected: pl.DataFrame, found: pl.DataFrame) -> Verdict:
    """What `found` lacks, has twice, or has otherwise.

    `found` holds one row per User and Date, `expected` one per source of them.
    """
    theirs = {name: f"{name}_found" for name in AMOUNTS}
    once = expected.group_by(KEY).agg(pl.col(AMOUNTS).sum())
    both = once.join(found.rename(theirs), on=KEY, how="full", coalesce=True).fill_null(0)
    extra = both[theirs[EVENTS]] - both[EVENTS]
    same = both.filter(pl.col(EVENTS) == pl.col(theirs[EVENTS]))
    wrong = sum(int((same[a] != same[b]).sum()) for a, b in theirs.items())
    return Verdict(
        int(both[EVENTS].sum()),
        int(-extra.filter(extra < 0).sum()),
        int(extra.filter(extra > 0).sum()),
        wrong,
    )


def _summed(rows: pl.DataFrame) -> pl.DataFrame:
    sums = [_whole(measure.name).sum() for measure in MEASURES]
    return rows.group_by(KEY).agg(*sums, pl.len().cast(pl.Int64).alias(EVENTS))


def _whole(name: str) -> pl.Expr:
    """Thousandths, so that sums of amounts compare exactly."""
    return (pl.col(name).cast(pl.Float64) * 1000).round().cast(pl.Int64)
