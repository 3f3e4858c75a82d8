"""Traits of entities, by which metrics are sliced, from a table of the source database."""

from __future__ import annotations

import logging
from datetime import timedelta

import polars as pl

from lakehouse import mysql
from lakehouse.clock import Clock
from lakehouse.domain import Slices
from lakehouse.errors import DatabaseError
from lakehouse.settings.model import MysqlSettings
from monitoring.analysis.values import ENTITY, TIME, TRAIT

LOG = logging.getLogger(__name__)

MAX_AGE, RETRY_AFTER = timedelta(minutes=10), timedelta(minutes=1)
MAX_ROWS = 2_000_000
TENURE = f"{TRAIT}tenure"
_SINCE = "_since"


class Traits:
    """Looks traits up in MySQL every ten minutes, or one minute after a failure."""

    def __init__(self, slices: Slices, settings: MysqlSettings, clock: Clock) -> None:
        self._slices, self._settings, self._clock = slices, settings, clock
        names = [f"{TRAIT}{name}" for name in slices.traits]
        self._schema: dict[str, type[pl.DataType]] = dict.fromkeys([ENTITY, *names], pl.String)
        columns = [slices.entity, *slices.traits]
        if slices.since:
            self._schema[_SINCE] = pl.Date
            columns.append(slices.since)
        quoted = ", ".join(f"`{name}`" for name in columns)
        self._select = f"SELECT {quoted} FROM `{slices.mysql_table}` LIMIT %s"  # noqa: S608
        self._known = pl.DataFrame(schema=self._schema)
        self._asks_at = clock.now()

    def enrich(self, rows: pl.DataFrame) -> pl.DataFrame:
        """`rows` with the traits as columns that begin with `TRAIT`, where they are known."""
        if self._clock.now() >= self._asks_at:
            is_known = self._read()
            # A server that is away may say so late, and a run asks for each of its parts.
            self._asks_at = self._clock.now() + (MAX_AGE if is_known else RETRY_AFTER)
        if not self._known.height:
            return rows
        known = self._known.with_columns(pl.col(ENTITY).cast(rows.schema[ENTITY], strict=False))
        joined = rows.join(known, on=ENTITY, how="left", maintain_order="left")
        if _SINCE not in joined.columns:
            return joined
        days = (pl.col(TIME).cast(pl.Date) - pl.col(_SINCE)).dt.total_days()
        return joined.with_columns(tenure_band(days).alias(TENURE)).drop(_SINCE)

    def _read(self) -> bool:
        try:
            with mysql.connect(self._settings) as connection, connection.cursor() as cursor:
                cursor.execute(self._select, (MAX_ROWS,))
                rows = cursor.fetchall()
        except (DatabaseError, mysql.Error) as error:
            LOG.warning("keeping the known traits of %s: %s", self._slices.mysql_table, error)
            return False
        kinds = tuple(self._schema.values())
        texts = [list(map(_text, row, kinds)) for row in rows]
        self._known = pl.DataFrame(texts, schema=self._schema, orient="row")
        return True


def _text(value: object, kind: type[pl.DataType]) -> object:
    return value if value is None or kind is pl.Date else str(value)


def has_traits(rows: pl.DataFrame) -> bool:
    """Whether the rows have been enriched."""
    return any(name.startswith(TRAIT) for name in rows.columns)


def tenure_band(days: pl.Expr) -> pl.Expr:
    """Days since the relationship began, in three bands.

    >>> pl.select(tenure_band(pl.lit(100))).item()
    '3 to 12 months'
    """
    return (
        pl.when(days < 90)
        .then(pl.lit("under 3 months"))
        .when(days < 365)
        .then(pl.lit("3 to 12 months"))
        .when(days.is_not_null())
        .then(pl.lit("over a year"))
    )
