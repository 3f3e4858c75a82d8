"""Rows that are already in the database, such as a day that an operator sends again."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import polars as pl

from flaskapp.cdr.mappings.fields import EVENTS
from flaskapp.cdr.sources import SourceDay
from lakehouse.domains.cdr import names
from lakehouse.domains.cdr.contracts import MEASURE_NAMES

_STORED = (
    f"SELECT DP_DATE, DP_MSISDN, {', '.join(MEASURE_NAMES)} FROM {names.MYSQL_RAW} "  # noqa: S608
    "WHERE Date = %s AND stream_id <> %s"
)
_STORED_SCHEMA: dict[str, pl.DataType] = {
    "DP_DATE": pl.Datetime("ms"),
    "DP_MSISDN": pl.String(),
    **{name: pl.Float64() for name in MEASURE_NAMES},
}
_NTH = "nth"


@dataclass
class Repeats:
    """Leaves out what other streams than `stream_id` have stored; counts rows by day.

    A row counts as stored if subscriber, time and all measures are the same. A row that occurs
    twice in the file and once in the database is left out once. Rows stored by the stream itself do
    not count, so a resumed load finds the same rows.
    """

    cursor: Any
    stream_id: str
    rows: dict[date, int] = field(default_factory=dict)
    left_out: dict[date, int] = field(default_factory=dict)

    @property
    def total(self) -> tuple[int, int]:
        """Rows that were left out, and rows that were looked at."""
        return sum(self.left_out.values()), sum(self.rows.values())

    def without(self, day: SourceDay) -> SourceDay:
        """The day without the rows that are already stored."""
        self.cursor.execute(_STORED, (day.date, self.stream_id))
        stored = self.cursor.fetchall()
        events = day.events
        if stored and events.height:
            plain = [(moment, number, *map(float, rest)) for moment, number, *rest in stored]
            known = pl.DataFrame(plain, schema=_STORED_SCHEMA, orient="row").select(_identity())
            mine = events.select(pl.col("DP_DATE").dt.replace_time_zone(None), *list(EVENTS)[1:])
            row = pl.int_range(pl.len()).alias("row")
            fresh = mine.select(row, *_identity()).join(known, on=[*EVENTS, _NTH], how="anti")
            events = events[fresh["row"].sort()]
        self.rows[day.date] = day.events.height
        self.left_out[day.date] = day.events.height - events.height
        return replace(day, events=events)


def _identity() -> list[str | pl.Expr]:
    """A row's identity, exact to the thousandth, and its number among identical rows."""
    measures = [(pl.col(name) * 1_000).round().cast(pl.Int64) for name in MEASURE_NAMES]
    nth = pl.int_range(pl.len()).over(list(EVENTS)).alias(_NTH)
    return ["DP_DATE", "DP_MSISDN", *measures, nth]
