"""Single calls and texts into usage increments of both parties.

A call counts on the day it begins; its seconds belong to the days on which they passed. A call that
was not answered (its duration is negative) is a call of no seconds for the caller, and nothing for
the other party, whose phone may have been off.
"""

from __future__ import annotations

from datetime import datetime

import polars as pl

from flaskapp.cdr.mappings import fields
from flaskapp.cdr.mappings.fields import Converted
from flaskapp.cdr.mappings.lines import LINE
from flaskapp.cdr.mappings.spec import FileSpec, Parties
from lakehouse.domains.cdr.contracts import MEASURE_NAMES

_OUT = {"call": "DP_MOC_COUNT", "seconds": "DP_MOC_DURATION", "text": "DP_MOSMS_COUNT"}
_IN = {"call": "DP_MTC_COUNT", "seconds": "DP_MTC_DURATION", "text": "DP_MTSMS_COUNT"}


def increments(
    rows: pl.DataFrame, spec: FileSpec, parties: Parties, latest: datetime, timezone: str
) -> Converted:
    """Usage of both parties of each call or text in `rows`, split by the days of `timezone`."""
    parsed = _parsed(rows, spec, parties, latest)
    good = parsed.filter(pl.col(fields.REASON).is_null())
    parts = _by_day(good, timezone)
    answered = parts.filter(pl.col("seconds") >= 0)
    events = pl.concat([_side(parts, "caller", _OUT), _side(answered, "callee", _IN)])
    rejects = parsed.filter(pl.col(fields.REASON).is_not_null())
    return Converted(
        events.sort("DP_DATE", maintain_order=True), rejects.select(LINE, fields.REASON)
    )


def _parsed(rows: pl.DataFrame, spec: FileSpec, parties: Parties, latest: datetime) -> pl.DataFrame:
    parsed = rows.select(
        LINE,
        fields.kind(spec).alias("kind"),
        fields.moment(spec.time).alias("start"),
        _seconds(spec).alias("seconds"),
        fields.number(parties.caller).alias("caller"),
        fields.number(parties.callee).alias("callee"),
    )
    seconds = pl.when(pl.col("kind") == "text").then(0.0).otherwise(pl.col("seconds"))
    checked = parsed.with_columns(seconds.fill_null(float("nan")))
    wrong = pl.col("seconds").is_nan() | (pl.col("seconds") > fields.MAX_CALL_SECONDS)
    return checked.with_columns(
        fields.first_reason(
            pl.when(pl.col("kind").is_null()).then(pl.lit("neither a call nor a text")),
            fields.date_reason("start", latest),
            fields.number_reason("caller"),
            fields.number_reason("callee"),
            pl.when(wrong).then(pl.lit("the duration is missing or more than seven days")),
        )
    )


def _seconds(spec: FileSpec) -> pl.Expr:
    if spec.end is not None:
        span = fields.moment(spec.end) - fields.moment(spec.time)
        seconds = span.dt.total_milliseconds() / 1000
        return pl.when(seconds >= 0).then(seconds)
    return fields.measure(spec.duration) if spec.duration is not None else pl.lit(0.0)


def _by_day(calls: pl.DataFrame, timezone: str) -> pl.DataFrame:
    """One row per call and calendar day it touches: `DP_DATE`, `seconds` on it, `starts`."""
    length = pl.duration(milliseconds=(pl.col("seconds").clip(0) * 1000).cast(pl.Int64))
    start = pl.col("start").dt.convert_time_zone(timezone)
    spans = calls.with_columns(start, end=start + length)
    days = pl.datetime_ranges(pl.col("start").dt.truncate("1d"), pl.col("end"), "1d")
    parts = (
        spans.with_columns(day=days)
        .explode("day")
        .with_columns(
            begin=pl.max_horizontal("start", "day"),
            stop=pl.min_horizontal("end", pl.col("day").dt.offset_by("1d")),
            starts=pl.col("day") <= pl.col("start"),
        )
    )
    on_day = (pl.col("stop") - pl.col("begin")).dt.total_milliseconds() / 1000
    return (
        parts.filter(pl.col("starts") | (on_day > 0))
        .with_columns(seconds=pl.when(pl.col("seconds") < 0).then(-1.0).otherwise(on_day))
        .with_columns(DP_DATE=pl.col("begin").dt.convert_time_zone("UTC"))
    )


def _side(parts: pl.DataFrame, party: str, columns: dict[str, str]) -> pl.DataFrame:
    """The usage of one party."""
    counted = pl.col("starts").cast(pl.Int64)
    values = {
        columns["call"]: pl.when(pl.col("kind") == "call").then(counted).otherwise(0),
        columns["seconds"]: pl.col("seconds").clip(0),
        columns["text"]: pl.when(pl.col("kind") == "text").then(counted).otherwise(0),
    }
    measures = (
        values.get(name, pl.lit(0)).cast(fields.EVENTS[name]).alias(name) for name in MEASURE_NAMES
    )
    return parts.select("DP_DATE", pl.col(party).alias("DP_MSISDN"), *measures)
