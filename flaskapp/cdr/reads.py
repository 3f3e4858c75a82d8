"""What the service shows of the database: last rows, daily summary, and the outbox."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from lakehouse.domains.cdr import names
from lakehouse.domains.cdr.contracts import LABEL, MEASURE_NAMES
from lakehouse.names import MYSQL_OUTBOX

PROCEDURE = "GetDailyCDRDataBatch"
COLUMNS = ("id", "DP_DATE", "DP_MSISDN", *MEASURE_NAMES, LABEL)
_LAST = f"SELECT {', '.join(COLUMNS)} FROM {names.MYSQL_RAW} ORDER BY id DESC LIMIT %s"  # noqa: S608
_BACKLOG = (
    "SELECT COALESCE(SUM(last_sequence - first_sequence + 1), 0), "  # noqa: S608
    f"TIMESTAMPDIFF(MICROSECOND, MIN(created_at), UTC_TIMESTAMP(3)) FROM {MYSQL_OUTBOX}"
)


def last_rows(cursor: Any, limit: int) -> list[dict[str, Any]]:
    """The newest rows of the source table, newest first."""
    cursor.execute(_LAST, (limit,))
    return _records(cursor)


def summary(cursor: Any, start: date) -> list[dict[str, Any]]:
    """The result of the procedure from `start` to today, wherever that is."""
    cursor.execute(f"CALL {PROCEDURE}(%s)", (start,))
    found = _records(cursor)
    while cursor.nextset():
        cursor.fetchall()
    return found


def backlog(cursor: Any) -> tuple[int, float]:
    """Rows that wait for Kafka, and the age in seconds of the oldest."""
    cursor.execute(_BACKLOG)
    rows, age = cursor.fetchone()
    return int(rows), max(float(age or 0) / 1e6, 0.0)


def _records(cursor: Any) -> list[dict[str, Any]]:
    columns = [column[0] for column in cursor.description]
    return [dict(zip(columns, map(_plain, row), strict=True)) for row in cursor.fetchall()]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return f"{value.isoformat(timespec='milliseconds')}Z"
    if isinstance(value, date):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value
