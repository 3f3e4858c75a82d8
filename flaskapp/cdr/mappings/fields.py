"""Typed columns into usage rows, and the reason why a line is rejected.

A line is accepted, or rejected with the first reason that applies.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl

from flaskapp.cdr.mappings.lines import REASON
from flaskapp.cdr.mappings.spec import FileSpec, KindSpec
from lakehouse.domains.cdr.contracts import CDR_EVENT, MEASURE_NAMES

FIRST_MOMENT = datetime(1990, 1, 1, tzinfo=UTC)
MAX_CALL_SECONDS = 7 * 86_400
EVENTS = {
    "DP_DATE": pl.Datetime("ms", "UTC"),
    "DP_MSISDN": pl.String,
    **{n: pl.Int64 if CDR_EVENT.field(n).kind == "long" else pl.Float64 for n in MEASURE_NAMES},
}


@dataclass(frozen=True)
class Options:
    """How files are read whatever their mapping: moments after `latest` are rejected, days are
    those of `timezone`, and `key` is the secret of pseudonyms.
    """

    latest: datetime
    timezone: str = "UTC"
    key: bytes | None = None


@dataclass(frozen=True)
class Converted:
    """Usage rows, the number of lines that they come from, and the rejected ones.

    `rejects` has `LINE` and `REASON`.
    """

    events: pl.DataFrame
    accepted: int
    rejects: pl.DataFrame


def text(rows: pl.DataFrame, column: str, absent: list[str]) -> pl.Series:
    """The trimmed text of a column, null where it says that there is nothing."""
    stripped = rows[column].str.strip_chars()
    return stripped.set(stripped.is_in(absent), None)


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


def range_reason(column: str, latest: datetime) -> pl.Expr:
    """Why a moment that could be read is rejected."""
    value = pl.col(column)
    return pl.when((value < pl.lit(FIRST_MOMENT)) | (value > pl.lit(latest))).then(
        pl.lit(f"the date is before {FIRST_MOMENT:%Y} or in the future")
    )


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
