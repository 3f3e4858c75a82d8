"""What the service shows of the database: last rows, and the daily summary."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from lakehouse.domains.cdr import names
from lakehouse.domains.cdr.contracts import LABEL, MEASURE_NAMES

PROCEDURE = "GetDailyCDRDataBatch"
COLUMNS = ("id", "DP_DATE", "DP_MSISDN", *MEASURE_NAMES, LABEL)
_LAST = f"SELECT {', '.join(COLUMNS)} FROM {names.MYSQL_RAW} ORDER BY id DESC LIMIT %s"  # noqa: S608
_LATEST = (
    f"SELECT MAX(Date) FROM {names.MYSQL_BLOCKS} "  # noqa: S608
    "WHERE Date <= CURDATE() + INTERVAL 1 DAY"
)


def last_rows(cursor: Any, limit: int) -> list[dict[str, Any]]:
    """The rows that came last into the source table, the latest first."""
    cursor.execute(_LAST, (limit,))
    return _records(cursor)


def latest_date(cursor: Any) -> date | None:
    """The last date that has rows, and is today somewhere; None before there are any."""
    cursor.execute(_LATEST)
    found: date | None = cursor.fetchone()[0]
    return found


def summary(cursor: Any, start: date) -> list[dict[str, Any]]:
    """The result of the procedure from `start` to today, wherever that is."""
    cursor.execute(f"CALL {PROCEDURE}(%s)", (start,))
    found = _records(cursor)
    while cursor.nextset():
        cursor.fetchall()
    return found


def _records(cursor: Any) -> list[dict[str, Any]]:
    columns = [column[0] for column in cursor.description]
    return [dict(zip(columns, map(_plain, row), strict=True)) for row in cursor.fetchall()]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return f"{value.isoformat(timespec='milliseconds')}Z"
    if isinstance(value, date):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value
