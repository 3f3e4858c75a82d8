"""Traits of subscribers, for slices: segment, region and tenure, from the source database."""

from __future__ import annotations

import logging
from datetime import timedelta

import polars as pl

from lakehouse import mysql
from lakehouse.clock import Clock
from lakehouse.domains.cdr import names
from lakehouse.errors import DatabaseError
from lakehouse.settings.model import MysqlSettings

LOG = logging.getLogger(__name__)

KEPT, RETRIED = timedelta(minutes=10), timedelta(minutes=1)
MAX_ROWS = 2_000_000
_SELECT = (
    f"SELECT DP_MSISDN, segment, region, activated_on FROM {names.MYSQL_SUBSCRIBERS} "  # noqa: S608
    "LIMIT %s"
)
_SCHEMA = {
    "User": pl.String,
    "segment": pl.String,
    "region": pl.String,
    "activated_on": pl.Date,
}


class Subscribers:
    """Looks subscribers up in MySQL every ten minutes, and after a failure in one."""

    def __init__(self, settings: MysqlSettings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self._known = pl.DataFrame(schema=_SCHEMA)
        self._asks_at = clock.now()

    def enrich(self, rows: pl.DataFrame) -> pl.DataFrame:
        """`rows` (User, Date, ...) with segment, region and tenure where they are known."""
        if self._clock.now() >= self._asks_at:
            is_known = self._read()
            # A server that is away may say so late, and a run asks for each of its parts.
            self._asks_at = self._clock.now() + (KEPT if is_known else RETRIED)
        if not self._known.height:
            return rows
        joined = rows.join(self._known, on="User", how="left", maintain_order="left")
        days = (pl.col("Date") - pl.col("activated_on")).dt.total_days()
        return joined.with_columns(tenure=tenure_band(days)).drop("activated_on")

    def _read(self) -> bool:
        try:
            with mysql.connect(self._settings) as connection, connection.cursor() as cursor:
                cursor.execute(_SELECT, (MAX_ROWS,))
                self._known = pl.DataFrame(cursor.fetchall(), schema=_SCHEMA, orient="row")
        except (DatabaseError, mysql.Error) as error:
            LOG.warning("traits of subscribers stay as they were: %s", error)
            return False
        return True


def tenure_band(days: pl.Expr) -> pl.Expr:
    """Days since activation in three bands.

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
