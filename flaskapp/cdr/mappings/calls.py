"""Single calls and texts into usage increments of both parties.

A call counts on the day it begins; its seconds belong to the days on which they passed. A call that
was not answered is a call of no seconds for the caller, and nothing for the other party, whose
phone may have been off. A party that is no subscriber is left out, and the other is counted.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from flaskapp.cdr.mappings import fields, zones
from flaskapp.cdr.mappings.fields import Converted, Options
from flaskapp.cdr.mappings.lines import LINE, REASON
from flaskapp.cdr.mappings.measures import Signs, measure
from flaskapp.cdr.mappings.msisdn import numbers
from flaskapp.cdr.mappings.spec import FileSpec, Parties
from flaskapp.cdr.mappings.times import UTC_MS, Moments, moments
from lakehouse.domains.cdr.contracts import MEASURE_NAMES

NOBODY = "neither end is a subscriber number of 8 to 15 digits"
UNANSWERED = "the call was not answered and its caller is no subscriber"
BEFORE = "the end is before the start"
TOO_LONG = "the duration is not a number or more than seven days"
_OUT = {"call": "DP_MOC_COUNT", "seconds": "DP_MOC_DURATION", "text": "DP_MOSMS_COUNT"}
_IN = {"call": "DP_MTC_COUNT", "seconds": "DP_MTC_DURATION", "text": "DP_MTSMS_COUNT"}


def increments(rows: pl.DataFrame, spec: FileSpec, parties: Parties, options: Options) -> Converted:
    """Usage of both parties of each call or text in `rows`, split by the days of the timezone."""
    parsed = _judged(_parsed(rows, spec, parties, options), spec, options)
    parts = _by_day(parsed.filter(pl.col(REASON).is_null()), options.timezone)
    callers = parts.filter(pl.col("caller").is_not_null())
    callees = parts.filter(pl.col("answered") & pl.col("callee").is_not_null())
    events = pl.concat([_side(callers, "caller", _OUT), _side(callees, "callee", _IN)])
    accepted = events[LINE].n_unique()
    rejects = parsed.filter(pl.col(REASON).is_not_null())
    return Converted(
        events.drop(LINE).sort("DP_DATE", maintain_order=True),
        accepted,
        rejects.select(LINE, REASON),
    )


def _parsed(rows: pl.DataFrame, spec: FileSpec, parties: Parties, options: Options) -> pl.DataFrame:
    """`kind`, `start`, `seconds`, both parties, and what could not be read of them."""
    start = moments(rows, spec.time, "date")
    end = moments(rows, spec.end, "end") if spec.end is not None else None
    caller, callee = (numbers(rows, p, options.key) for p in (parties.caller, parties.callee))
    return rows.select(LINE, kind=fields.kind(spec)).with_columns(
        start.first.alias("start"),
        start.reason.alias("start reason"),
        _seconds(rows, spec, start, end).alias("seconds"),
        (end.reason if end is not None else pl.lit(None, pl.String)).alias("end reason"),
        caller.number.alias("caller"),
        callee.number.alias("callee"),
        pl.coalesce(caller.damage, callee.damage).alias("number reason"),
    )


def _seconds(rows: pl.DataFrame, spec: FileSpec, start: Moments, end: Moments | None) -> pl.Series:
    """How long each call took; NaN or null where that cannot be said, negative before its start."""
    if end is not None:
        ends = end.first.zip_with((end.first >= start.first).fill_null(True), end.second)
        return (ends - start.first).dt.total_milliseconds() / 1_000
    if spec.duration is not None:
        return measure(rows, spec.duration, Signs(spec.decimal, spec.thousands))
    return pl.repeat(0.0, rows.height, eager=True)


def _judged(parsed: pl.DataFrame, spec: FileSpec, options: Options) -> pl.DataFrame:
    """With `answered`, and the reason why a line is rejected; a text takes no time."""
    is_call, seconds = pl.col("kind") == "call", pl.col("seconds")
    limit = 0 if spec.zero_is_unanswered else -1e-9
    calls = parsed.with_columns(
        seconds=pl.when(is_call).then(seconds.fill_null(float("nan"))).otherwise(0.0),
    ).with_columns(answered=~is_call | (seconds > limit))
    wrong = seconds.is_nan() | (seconds > fields.MAX_CALL_SECONDS)
    return calls.with_columns(
        fields.first_reason(
            pl.when(pl.col("kind").is_null()).then(pl.lit("neither a call nor a text")),
            pl.col("start reason"),
            fields.range_reason("start", options.latest),
            pl.col("number reason"),
            pl.when(pl.col("caller").is_null() & pl.col("callee").is_null()).then(pl.lit(NOBODY)),
            pl.when(is_call).then(pl.col("end reason")),
            pl.when(pl.lit(spec.end is not None) & (seconds < 0)).then(pl.lit(BEFORE)),
            pl.when(wrong).then(pl.lit(TOO_LONG)),
            pl.when(pl.col("caller").is_null() & ~pl.col("answered")).then(pl.lit(UNANSWERED)),
        )
    )


def _by_day(calls: pl.DataFrame, timezone: str) -> pl.DataFrame:
    """One row per call and calendar day it touches: `DP_DATE`, `seconds` on it, `starts`."""
    length = pl.duration(milliseconds=(pl.col("seconds").clip(0) * 1_000).cast(pl.Int64))
    spans = calls.with_columns(end=pl.col("start") + length.cast(pl.Duration("ms")))
    first, last = (
        pl.col(name).dt.convert_time_zone(timezone).dt.date() for name in ("start", "end")
    )
    days = spans.with_columns(first=first, day=pl.date_ranges(first, last, "1d")).explode("day")
    parts = (
        days.join(_bounds(days["day"], timezone), on="day", how="left", maintain_order="left")
        .with_columns(
            DP_DATE=pl.max_horizontal("start", "opens"),
            stop=pl.min_horizontal("end", "closes"),
            starts=pl.col("day") == pl.col("first"),
        )
        .with_columns(seconds=(pl.col("stop") - pl.col("DP_DATE")).dt.total_milliseconds() / 1_000)
    )
    return parts.filter(pl.col("starts") | (pl.col("seconds") > 0))


def _bounds(days: pl.Series, timezone: str) -> pl.DataFrame:
    """The first moment of each day and that of the next."""
    unique = days.unique().drop_nulls()
    known = pl.DataFrame({"day": unique, "next": unique + timedelta(days=1)})
    opens, closes = (
        pl.Series(name, [zones.day_start(day, timezone) for day in known[column]], UTC_MS)
        for name, column in (("opens", "day"), ("closes", "next"))
    )
    return known.select("day", opens, closes)


def _side(parts: pl.DataFrame, party: str, columns: dict[str, str]) -> pl.DataFrame:
    """The usage of one party, with the line that it comes from."""
    counted = pl.col("starts").cast(pl.Int64)
    values = {
        columns["call"]: pl.when(pl.col("kind") == "call").then(counted).otherwise(0),
        columns["seconds"]: pl.col("seconds"),
        columns["text"]: pl.when(pl.col("kind") == "text").then(counted).otherwise(0),
    }
    measures = (
        values.get(name, pl.lit(0)).cast(fields.EVENTS[name]).alias(name) for name in MEASURE_NAMES
    )
    return parts.select(LINE, "DP_DATE", pl.col(party).alias("DP_MSISDN"), *measures)
