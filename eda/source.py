"""Rows of usage with their label, from MySQL or from the lake, as a lazy frame of bounded cost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from eda.config import Config
from lakehouse import mysql, store
from lakehouse.domains.cdr import names
from lakehouse.domains.cdr.contracts import LABEL, MEASURES
from lakehouse.domains.cdr.domain import CHURN_OUTCOMES
from lakehouse.domains.settings import Settings
from lakehouse.errors import DatabaseError, SourceError
from lakehouse.names import table_uri
from lakehouse.outcomes import latest

USER, DAY, MOMENT, ROW = "DP_MSISDN", "Date", "DP_DATE", "id"
BLOCK_ROWS = 100_000
SPAN_ROWS = 500_000
SCHEMA: dict[str, Any] = {
    ROW: pl.Int64,
    DAY: pl.Date,
    MOMENT: pl.Datetime("ms"),
    USER: pl.String,
    **{measure.name: pl.Float64 for measure in MEASURES},
    LABEL: pl.Int8,
}
# Adding 0E0 turns a DECIMAL into a DOUBLE on MySQL and MariaDB alike.
_COLUMNS = ", ".join(f"{m.name} + 0E0" for m in MEASURES)
_SELECT = (
    f"SELECT {ROW}, {DAY}, {MOMENT}, {USER}, {_COLUMNS}, {LABEL} "  # noqa: S608
    f"FROM {names.MYSQL_RAW} WHERE {DAY} BETWEEN %s AND %s"
)


def scan(config: Config, settings: Settings, scratch: Path) -> pl.LazyFrame:
    """Rows of the configured days, columns as in `SCHEMA`; `scratch` takes a copy of them.

    Raises `SourceError` when there are none.
    """
    blocks = _lake(config, settings) if config.source == "lake" else _blocks(config, settings)
    for number, block in enumerate(blocks):
        block.write_parquet(scratch / f"{number:06d}.parquet")
    if not any(scratch.iterdir()):
        raise _empty(config)
    return pl.scan_parquet(scratch / "*.parquet")


def _blocks(config: Config, settings: Settings) -> Iterator[pl.DataFrame]:
    with mysql.connect(settings.mysql) as connection, connection.cursor() as cursor:
        try:
            cursor.execute(_SELECT, (config.start_date, config.end_date))
            while rows := cursor.fetchmany(BLOCK_ROWS):
                yield pl.DataFrame(rows, schema=SCHEMA, orient="row")
        except mysql.Error as error:
            raise DatabaseError(
                names.MYSQL_RAW, "readable rows", error.msg or str(error), "see `cdrlake status`"
            ) from None


def _lake(config: Config, settings: Settings) -> Iterator[pl.DataFrame]:
    """Some days at a time: telling duplicates and finding outcomes needs all rows of a day."""
    events = table_uri(settings.lake_uri, names.BRONZE_EVENTS)
    outcomes = table_uri(settings.lake_uri, names.BRONZE_OUTCOMES)
    options = settings.lake_options
    if not store.exists(events, options):
        raise SourceError(events, "a table of events", "none", "load history first")
    wanted = pl.col(DAY).is_between(config.start_date, config.end_date)
    rows = store.scan(events, options).filter(wanted)
    known = store.scan(outcomes, options) if store.exists(outcomes, options) else None
    counts = store.collect(rows.group_by(DAY).len(), events, options).sort(DAY).rows()
    for first, last in _spans(counts):
        some = rows.filter(pl.col(DAY).is_between(first, last)).unique("event_id")
        yield store.collect(_labelled(some, known, first, last), events, options)


def _labelled(
    rows: pl.LazyFrame, outcomes: pl.LazyFrame | None, first: date, last: date
) -> pl.LazyFrame:
    if outcomes is None:
        rows = rows.with_columns(pl.lit(None).alias(LABEL))
    else:
        known = outcomes.filter(pl.col("date").is_between(first, last))
        named = latest(known, CHURN_OUTCOMES).rename({"date": DAY})
        rows = rows.join(named, on=[USER, DAY], how="left")
    moment = pl.col(MOMENT).dt.replace_time_zone(None).dt.cast_time_unit("ms")
    columns = [pl.col(name).cast(kind) for name, kind in SCHEMA.items()]
    return rows.with_columns(moment).select(columns)


def _spans(counts: list[tuple[date, int]]) -> Iterator[tuple[date, date]]:
    """First and last date of neighbouring days that together have about `SPAN_ROWS` rows."""
    first, rows = None, 0
    for day, count in counts:
        first, rows = first or day, rows + count
        if rows >= SPAN_ROWS:
            yield first, day
            first, rows = None, 0
    if first is not None:
        yield first, counts[-1][0]


def _empty(config: Config) -> SourceError:
    return SourceError(
        config.source, f"rows from {config.start_date} to {config.end_date}", "none",
        "choose other dates or load history",
    )  # fmt: skip
