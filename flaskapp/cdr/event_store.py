"""The only way rows get into the database: with their outbox entry, in one transaction.

Nothing here commits; the caller does, so that a block and its own progress go together.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from flaskapp import outbox, state, streams
from flaskapp.bulk import Uploader
from flaskapp.cdr.messages import EVENT, OUTCOME
from lakehouse.domains.cdr import names
from lakehouse.domains.cdr.contracts import LABEL, MEASURE_NAMES
from lakehouse.domains.cdr.settings import CdrSettings
from lakehouse.names import MYSQL_STREAMS

CLOSED = "closed_through"
_COLUMNS = ("DP_DATE", "DP_MSISDN", *MEASURE_NAMES)
_SENT = (
    f"SELECT sent_rows, sent_outcomes FROM {MYSQL_STREAMS} "  # noqa: S608
    "WHERE stream_id = %s"
)
_BLOCK = (
    f"INSERT INTO {names.MYSQL_BLOCKS} "  # noqa: S608
    "(Date, stream_id, first_sequence, calls, call_time, purchases, volume) "
    "VALUES (%s, %s, %s, %s, %s, %s, %s)"
)
# Who was there, and for each the first later day, if there is one: an index look-up per subscriber.
_OUTCOMES = f"""
INSERT INTO {names.MYSQL_OUTCOMES}
  (DP_MSISDN, Date, PSEUDO_CHURNED, known_at, stream_id, sequence)
SELECT seen.DP_MSISDN, %(day)s,
  CASE WHEN EXISTS (SELECT 1 FROM {names.MYSQL_RAW} later WHERE later.DP_MSISDN = seen.DP_MSISDN
    AND later.Date > %(day)s AND later.Date <= %(horizon)s AND later.is_active = 1)
  THEN 0 ELSE 1 END,
  %(known)s, %(stream)s, %(base)s - 1 + ROW_NUMBER() OVER (ORDER BY seen.DP_MSISDN)
FROM (SELECT DISTINCT DP_MSISDN FROM {names.MYSQL_RAW}
      WHERE Date > %(since)s AND Date <= %(day)s AND is_active = 1) seen
"""  # noqa: S608
_LABELS = f"""
UPDATE {names.MYSQL_RAW} raw
JOIN {names.MYSQL_OUTCOMES} known ON known.DP_MSISDN = raw.DP_MSISDN AND known.Date = raw.Date
SET raw.{LABEL} = known.{LABEL}
WHERE raw.Date = %s AND raw.{LABEL} IS NULL
"""  # noqa: S608


def append(
    uploader: Uploader, stream_id: str, events: pl.DataFrame, now: datetime, timezone: str
) -> None:
    """Add a block of usage to a stream: rows in order of `events`, one outbox entry, the count.

    `events` has DP_DATE (UTC), DP_MSISDN and the measures, and may have the label.
    """
    if not events.height:
        return
    with uploader.connection.cursor() as cursor:
        first, _ = _sent(cursor, stream_id)
        optional = [LABEL] if LABEL in events.columns else []
        rows = events.select(
            *_COLUMNS,
            *optional,
            stream_id=pl.lit(stream_id),
            sequence=pl.int_range(first, first + events.height),
            emitted_at=pl.lit(now).dt.cast_time_unit("ms"),
            Date=pl.col("DP_DATE").dt.convert_time_zone(timezone).dt.date(),
        )
        uploader.insert(names.MYSQL_RAW, rows)
        cursor.executemany(_BLOCK, _sums(rows).rows())
        last = first + events.height - 1
        outbox.enter(cursor, EVENT, stream_id, first, last, now)
        streams.advance(cursor, stream_id, now, rows=events.height)


def _sums(rows: pl.DataFrame) -> pl.DataFrame:
    """Sums of the block for each of its dates, exact to the thousandth."""
    exact = pl.Decimal(38, 3)
    sums = rows.group_by("Date", "stream_id").agg(
        pl.col("sequence").min(),
        pl.col("DP_MOC_COUNT").sum(),
        pl.col("DP_MOC_DURATION").cast(exact).sum(),
        pl.col("DP_DATA_COUNT").sum(),
        pl.col("DP_DATA_VOLUME").cast(exact).sum(),
    )
    return sums.sort("Date")


def close_day(cursor: Any, stream_id: str, day: date, cdr: CdrSettings, now: datetime) -> int:
    """Close `day`: what it decides about the day `label_horizon_days` before becomes known.

    Writes the outcomes, their outbox entry and the label of that day's rows; number of outcomes. A
    day that is already closed is left alone.
    """
    closed = state.recall(cursor, CLOSED)
    if closed is not None and day <= date.fromisoformat(closed):
        return 0
    labelled = day - timedelta(days=cdr.label_horizon_days)
    _, first = _sent(cursor, stream_id)
    cursor.execute(
        _OUTCOMES,
        {
            "day": labelled,
            "horizon": day,
            "since": labelled - timedelta(days=cdr.active_window_days),
            "known": day + timedelta(days=1),
            "stream": stream_id,
            "base": first,
        },
    )
    count = int(cursor.rowcount)
    if count:
        label(cursor, labelled)
        _enter_outcomes(cursor, stream_id, first, count, now)
    state.remember(cursor, CLOSED, day.isoformat())
    return count


def append_outcomes(
    uploader: Uploader,
    stream_id: str,
    outcomes: Sequence[tuple[date, pl.DataFrame]],
    cdr: CdrSettings,
    now: datetime,
) -> None:
    """Add the outcomes of some days (DP_MSISDN and PSEUDO_CHURNED each), with one outbox entry."""
    ahead = timedelta(days=cdr.label_horizon_days + 1)
    parts = [
        rows.with_columns(Date=pl.lit(day), known_at=pl.lit(day + ahead)) for day, rows in outcomes
    ]
    count = sum(part.height for part in parts)
    if not count:
        return
    with uploader.connection.cursor() as cursor:
        _, first = _sent(cursor, stream_id)
        sequence = pl.int_range(first, first + count)
        rows = pl.concat(parts).with_columns(stream_id=pl.lit(stream_id), sequence=sequence)
        uploader.insert(names.MYSQL_OUTCOMES, rows)
        _enter_outcomes(cursor, stream_id, first, count, now)


def label(cursor: Any, day: date) -> None:
    """Write the known outcomes of `day` into its rows that have no label yet."""
    cursor.execute(_LABELS, (day,))


def close_through(cursor: Any, day: date) -> None:
    """Record that all days up to `day` are closed."""
    closed = state.recall(cursor, CLOSED)
    if closed is None or day > date.fromisoformat(closed):
        state.remember(cursor, CLOSED, day.isoformat())


def _enter_outcomes(cursor: Any, stream_id: str, first: int, count: int, now: datetime) -> None:
    last = first + count - 1
    outbox.enter(cursor, OUTCOME, stream_id, first, last, now)
    streams.advance(cursor, stream_id, now, outcomes=count)


def _sent(cursor: Any, stream_id: str) -> tuple[int, int]:
    cursor.execute(_SENT, (stream_id,))
    rows, outcomes = cursor.fetchone()
    return int(rows), int(outcomes)
