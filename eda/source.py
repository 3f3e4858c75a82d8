"""Rows of usage with their label, from MySQL or from the lake, as a lazy frame of bounded cost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from eda.config import Config
from lakehouse import mysql, names, store
from lakehouse.contracts import LABEL, MEASURES
from lakehouse.errors import DatabaseError, SourceError
from lakehouse.settings import Settings

USER, DAY, MOMENT, ROW = "DP_MSISDN", "Date", "DP_DATE", "id"
BLOCK_ROWS = 100_000
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
    """Rows of the configured days, columns as in `SCHEMA`; `scratch` takes a copy from MySQL.

    Raises `SourceError` when there are none.
    """
    if config.source == "lake":
        frame = _lake(config, settings)
    else:
        for number, block in enumerate(_blocks(config, settings)):
            block.write_parquet(scratch / f"{number:06d}.parquet")
        if not any(scratch.iterdir()):
            raise _empty(config)
        frame = pl.scan_parquet(scratch / "*.parquet")
    if not frame.select(pl.len()).collect().item():
        raise _empty(config)
    return frame


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


def _lake(config: Config, settings: Settings) -> pl.LazyFrame:
    events = names.table_uri(settings.lake_uri, names.BRONZE_EVENTS)
    outcomes = names.table_uri(settings.lake_uri, names.BRONZE_OUTCOMES)
    options = settings.lake_options
    if not store.exists(events, options):
        raise SourceError(events, "a table of events", "none", "load history first")
    wanted = pl.col(DAY).is_between(config.start_date, config.end_date)
    rows = store.scan(events, options).filter(wanted)
    rows = rows.unique("event_id")
    if store.exists(outcomes, options):
        known = store.scan(outcomes, options).select(USER, pl.col("date").alias(DAY), LABEL)
        rows = rows.join(known.unique([USER, DAY]), on=[USER, DAY], how="left")
    else:
        rows = rows.with_columns(pl.lit(None).alias(LABEL))
    moment = pl.col(MOMENT).dt.replace_time_zone(None).dt.cast_time_unit("ms")
    columns = [pl.col(name).cast(kind) for name, kind in SCHEMA.items()]
    return rows.with_columns(moment).select(columns)


def _empty(config: Config) -> SourceError:
    return SourceError(
        config.source, f"rows from {config.start_date} to {config.end_date}", "none",
        "choose other dates or load history",
    )  # fmt: skip
