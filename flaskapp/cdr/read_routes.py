"""The HTTP interface to the domain's rows in the database."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import msgspec
from flask import Blueprint
from msgspec import Struct

from flaskapp.cdr import feed, reads
from flaskapp.cdr.origin import open_source
from flaskapp.stream_source import Newest
from lakehouse import mysql
from lakehouse.clock import Clock, today
from lakehouse.domains.cdr import names
from lakehouse.domains.cdr.contracts import CDR_EVENT, LABEL, MEASURE_NAMES
from lakehouse.domains.settings import Settings
from lakehouse.http.operations import Operation, operation

SUMMARY_DAYS = 7
FIRST_DATE = date(1000, 1, 1)  # the first that the database knows
_NUMBERS = {"long": int, "decimal": float}

Row: Any = msgspec.defstruct(
    "Row",
    [
        ("id", int),
        ("DP_DATE", str),
        ("DP_MSISDN", str),
        *((name, _NUMBERS[CDR_EVENT.field(name).kind]) for name in MEASURE_NAMES),
        (LABEL, int | None),
    ],
)


class Since(Struct, frozen=True):
    """The first date of a summary; by default the last week that has rows."""

    start_date: date | None = None


class Day(Struct, frozen=True):
    """The sums of a day."""

    Date: date
    Total_Outgoing_Calls: int
    Total_Outgoing_Call_Time: float
    Total_Data_Purchases: int
    Total_Data_Volume: float


class Replay(Struct, frozen=True):
    """What is left to replay; no dates before anything is loaded, or once all has been sent."""

    days_left: int
    next_date: date | None
    last_date: date | None


def blueprint(settings: Settings, clock: Clock) -> Blueprint:
    """Routes that only read."""
    views = Blueprint("rows", __name__)

    @views.get("/data")
    @operation(Operation(f"The newest rows of {names.MYSQL_RAW}", list[Row], Newest))
    def data(query: Newest) -> list[dict[str, Any]]:
        with mysql.connect(settings.mysql) as connection, connection.cursor() as cursor:
            return reads.last_rows(cursor, query.limit)

    @views.get("/summary")
    @operation(Operation(reads.PROCEDURE, list[Day], Since))
    def summary(query: Since) -> list[dict[str, Any]]:
        with mysql.connect(settings.mysql) as connection, connection.cursor() as cursor:
            start = query.start_date or _last_week(cursor)
            found = reads.summary(cursor, max(start, FIRST_DATE))
            connection.commit()
        return found

    @views.get("/replay")
    @operation(Operation("Days that are left to replay", Replay))
    def replay() -> Replay:
        with mysql.connect(settings.mysql) as connection, connection.cursor() as cursor:
            return _replay(cursor)

    def _last_week(cursor: Any) -> date:
        """The first of the last days that the database has rows of, today included."""
        latest = reads.latest_date(cursor) or today(clock, settings.timezone)
        return latest - timedelta(days=SUMMARY_DAYS - 1)

    def _replay(cursor: Any) -> Replay:
        source = open_source(cursor, settings, clock)
        reached = feed.committed_offset(cursor, source).date
        if not source.history_end < reached <= source.last:
            return Replay(0, None, None)
        return Replay((source.last - reached).days + 1, reached, source.last)

    return views
