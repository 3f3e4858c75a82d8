"""Fields of text as typed columns, and the reason why one is not as required.

Expressions only: a line is accepted, or rejected with the first reason that applies.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl

from flaskapp.cdr.mappings.lines import LINE
from flaskapp.cdr.mappings.spec import FileSpec, KindSpec, MeasureSpec, NumberSpec, TimeSpec
from lakehouse.domains.cdr.contracts import CDR_EVENT, MEASURE_NAMES, MSISDN_PATTERN

ABSENT = ["", "NaN", "nan", "NULL", "null", "None", "\\N"]
REASON = "reason"
FIRST_MOMENT = datetime(1990, 1, 1, tzinfo=UTC)
MAX_CALL_SECONDS = 7 * 86_400
EVENTS = {
    "DP_DATE": pl.Datetime("ms", "UTC"),
    "DP_MSISDN": pl.String,
    **{n: pl.Int64 if CDR_EVENT.field(n).kind == "long" else pl.Float64 for n in MEASURE_NAMES},
}


@dataclass(frozen=True)
class Converted:
    """Usage rows, and rejected lines as `line` and `reason`."""

    events: pl.DataFrame
    rejects: pl.DataFrame


def split(parsed: pl.DataFrame, *more: pl.Expr) -> Converted:
    """Lines without a reason as usage rows, the others as rejects."""
    good = parsed.filter(pl.col(REASON).is_null())
    events = good.select(*(pl.col(name).cast(kind) for name, kind in EVENTS.items()), *more)
    return Converted(events, parsed.filter(pl.col(REASON).is_not_null()).select(LINE, REASON))


def text(column: str) -> pl.Expr:
    """The trimmed text of a column, null where it says that there is nothing."""
    stripped = pl.col(column).str.strip_chars()
    return pl.when(~stripped.is_in(ABSENT)).then(stripped)


def moment(spec: TimeSpec) -> pl.Expr:
    """A moment in UTC, null where the text fits no format."""
    given = pl.concat_str([pl.col(name).str.strip_chars() for name in spec.columns], separator=" ")
    if spec.origin is not None:
        millis = (given.cast(pl.Float64, strict=False) * 1000).cast(pl.Int64, strict=False)
        naive = pl.lit(spec.origin).dt.cast_time_unit("ms") + pl.duration(milliseconds=millis)
    else:
        naive = pl.coalesce(
            given.str.to_datetime(form, time_unit="ms", strict=False, exact=True)
            for form in spec.formats
        )
    local = naive.dt.replace_time_zone(spec.zone, ambiguous="earliest", non_existent="null")
    return local.dt.convert_time_zone("UTC")


def number(spec: NumberSpec) -> pl.Expr:
    """A subscriber number as text; `12345678.0`, as spreadsheets write it, loses its end."""
    digits = pl.col(spec.column).str.strip_chars().str.strip_suffix(".0").str.strip_prefix("+")
    return pl.lit(spec.prefix) + digits.str.zfill(spec.digits)


def measure(spec: MeasureSpec) -> pl.Expr:
    """A measure in thousandths at most; an absent one is 0, an unreadable one NaN."""
    given = text(spec.column)
    value = given.cast(pl.Float64, strict=False).fill_null(float("nan")) * spec.factor
    return pl.when(given.is_null()).then(0.0).otherwise(value.round(3))


def kind(spec: FileSpec) -> pl.Expr:
    """`call`, `text`, or null where the column says neither."""
    if not isinstance(spec.kind, KindSpec):
        return pl.lit("text" if spec.kind == "texts" else "call")
    value = pl.col(spec.kind.column).str.strip_chars()
    is_text = value.is_in(spec.kind.texts)
    return (
        pl.when(value.is_in(spec.kind.calls))
        .then(pl.lit("call"))
        .when(is_text)
        .then(pl.lit("text"))
    )


def first_reason(*reasons: pl.Expr) -> pl.Expr:
    """The first reason that applies, null when none does."""
    return pl.coalesce(*reasons).alias(REASON)


def date_reason(column: str, latest: datetime) -> pl.Expr:
    """Why a moment is rejected."""
    value = pl.col(column)
    return (
        pl.when(value.is_null())
        .then(pl.lit("the date is missing or fits no format"))
        .when((value < pl.lit(FIRST_MOMENT)) | (value > pl.lit(latest)))
        .then(pl.lit(f"the date is before {FIRST_MOMENT:%Y} or in the future"))
    )


def number_reason(column: str) -> pl.Expr:
    """Why a subscriber number is rejected."""
    fits = pl.col(column).str.contains(MSISDN_PATTERN).fill_null(False)
    return pl.when(~fits).then(pl.lit("a subscriber number is not 8 to 15 digits"))


def measure_reason(column: str) -> pl.Expr:
    """Why a measure is rejected."""
    field, value = CDR_EVENT.field(column), pl.col(column)
    whole = (value != value.floor()) if field.kind == "long" else pl.lit(False)
    return (
        pl.when(value.is_nan())
        .then(pl.lit(f"{column} is not a number"))
        .when((value < field.minimum) | (value > field.maximum))
        .then(pl.lit(f"{column} is not from {field.minimum} to {field.maximum}"))
        .when(whole)
        .then(pl.lit(f"{column} is not whole"))
    )
