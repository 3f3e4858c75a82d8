"""The rows in numbers: columns, days, classes, correlations. Rows are never all held at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from eda.source import DAY, MOMENT, USER
from lakehouse.domains.cdr.contracts import LABEL, MEASURE_NAMES

HOUR, WEEKDAY = "DP_HOUR", "DP_WEEKDAY"
COLUMNS = (*MEASURE_NAMES, HOUR, WEEKDAY)
MIN_ROWS = 2
DIGITS = 6


@dataclass(frozen=True)
class Column:
    """A column in numbers; `constant` says that no day has two values of it."""

    name: str
    known: int
    missing: float
    zero: float
    mean: float
    deviation: float
    skew: float
    low: float
    median: float
    high: float
    constant: bool


@dataclass(frozen=True)
class ClassColumn:
    """A column in numbers among the rows of one class; what cannot be told is None."""

    name: str
    label: int
    known: int
    total: float
    mean: float | None
    variance: float | None
    skew: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Profile:
    """All that is counted over all rows. `skipped` maps unusable columns to the reason."""

    rows: int
    subscribers: int
    labelled: int
    churned: int
    columns: tuple[Column, ...]
    skipped: dict[str, str]
    days: pl.DataFrame
    correlation: npt.NDArray[np.float64]
    classes: tuple[ClassColumn, ...]

    @property
    def usable(self) -> tuple[str, ...]:
        """Names of the columns that can be looked at."""
        return tuple(column.name for column in self.columns)


def with_time(rows: pl.LazyFrame, timezone: str = "UTC") -> pl.LazyFrame:
    """Adds hour of the day and day of the week (1 is Monday) of each row, in `timezone`."""
    moment = pl.col(MOMENT).dt.replace_time_zone("UTC").dt.convert_time_zone(timezone)
    return rows.with_columns(
        moment.dt.hour().cast(pl.Float64).alias(HOUR),
        moment.dt.weekday().cast(pl.Float64).alias(WEEKDAY),
    )


def profile(rows: pl.LazyFrame) -> Profile:
    """Count everything in passes over `rows` (with time), each over as few columns as it needs.

    A median or a correlation holds its columns in memory, so one pass over all would hold all.
    """
    counts = [
        pl.len().alias("rows"),
        pl.col(USER).n_unique().alias("subscribers"),
        pl.col(LABEL).count().alias("labelled"),
        pl.col(LABEL).sum().alias("churned"),
    ]
    totals: dict[str, Any] = {}
    for expressions in (counts, *(list(_expressions(name)) for name in COLUMNS)):
        found = rows.select(expressions).collect(engine="streaming")
        totals |= found.row(0, named=True)
    days = _days(rows)
    columns, skipped = [], {}
    for name in COLUMNS:
        reason = _unusable(totals, name)
        if reason:
            skipped[name] = reason
        else:
            columns.append(_column(totals, days, name))
    usable = [column.name for column in columns]
    return Profile(
        rows=totals["rows"],
        subscribers=totals["subscribers"],
        labelled=totals["labelled"],
        churned=totals["churned"] or 0,
        columns=tuple(columns),
        skipped=skipped,
        days=days,
        correlation=_correlation(rows, [*usable, LABEL]),
        classes=tuple(_classes(rows, usable)),
    )


def _expressions(name: str) -> Iterator[pl.Expr]:
    column = pl.col(name).fill_nan(None)
    yield column.count().alias(f"{name}.known")
    yield (column == 0).mean().alias(f"{name}.zero")
    yield column.mean().alias(f"{name}.mean")
    yield column.std().alias(f"{name}.deviation")
    yield column.skew().alias(f"{name}.skew")
    yield column.min().alias(f"{name}.low")
    yield column.median().alias(f"{name}.median")
    yield column.max().alias(f"{name}.high")


def _unusable(totals: dict[str, Any], name: str) -> str | None:
    known = totals[f"{name}.known"]
    if known == 0:
        return "all values are missing"
    if known < MIN_ROWS:
        return f"only {known} row has a value"
    if totals[f"{name}.low"] == totals[f"{name}.high"]:
        return "all values are the same"
    return None


def _column(totals: dict[str, Any], days: pl.DataFrame, name: str) -> Column:
    values = {key: totals[f"{name}.{key}"] for key in
              ("known", "zero", "mean", "deviation", "skew", "low", "median", "high")}  # fmt: skip
    busy = days.filter(pl.col("rows") > 1)
    constant = busy.height > 0 and busy[f"{name}.constant"].all()
    return Column(name, missing=1 - values["known"] / totals["rows"], constant=constant, **values)


def _days(rows: pl.LazyFrame) -> pl.DataFrame:
    """Sum and mean of each measure on each day, and whether it was constant within the day."""
    found = rows.group_by(DAY).agg(
        pl.len().alias("rows"),
        *(pl.col(name).sum().alias(f"{name}.sum") for name in MEASURE_NAMES),
        *(pl.col(name).mean().alias(f"{name}.mean") for name in MEASURE_NAMES),
        *((pl.col(n).min() == pl.col(n).max()).alias(f"{n}.constant") for n in COLUMNS),
    )
    return found.collect(engine="streaming").sort(DAY)


def _classes(rows: pl.LazyFrame, names: list[str]) -> Iterator[ClassColumn]:
    """Each usable column among those who stayed and those who churned."""
    figures = {
        "known": pl.Expr.count, "total": pl.Expr.sum, "mean": pl.Expr.mean,
        "variance": pl.Expr.var, "skew": pl.Expr.skew, "low": pl.Expr.min, "high": pl.Expr.max,
    }  # fmt: skip
    labelled = rows.filter(pl.col(LABEL).is_not_null()).group_by(LABEL)
    for name in names:
        column = pl.col(name).fill_nan(None)
        found = labelled.agg(**{key: figure(column) for key, figure in figures.items()})
        for row in found.collect(engine="streaming").sort(LABEL).iter_rows(named=True):
            yield ClassColumn(name, row.pop(LABEL), **row)


def _correlation(rows: pl.LazyFrame, names: list[str]) -> npt.NDArray[np.float64]:
    """Pearson's correlation of each pair, over the rows where both are known."""
    pairs = [(i, j) for i in range(len(names)) for j in range(i)]
    matrix = np.eye(len(names))
    for i, j in pairs:
        value = rows.select(pl.corr(names[i], names[j])).collect(engine="streaming").item()
        # Sums made in another order differ in their last bits, which is no correlation.
        matrix[i, j] = matrix[j, i] = np.nan if value is None else round(value, DIGITS) + 0.0
    return matrix
