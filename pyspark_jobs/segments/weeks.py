"""Which Mondays a training learns from and which it is judged on, and the rows of both."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import cast

import numpy as np
import polars as pl
from pyspark.sql import DataFrame
from pyspark.sql import functions as f

from lakehouse.domains.segments.card_features import card_features
from lakehouse.domains.segments.next_purchase import STORED_K, Coverage, mondays
from lakehouse.domains.segments.segments import TYPE_FEATURES
from lakehouse.domains.segments.settings import SegmentsSettings
from lakehouse.errors import ModelError
from lakehouse.models.forest import Floats
from pyspark_jobs.segments.features import buckets_for, by_bucket

SPENT_DAYS = 28
# Between the last Monday of training and the first of the test, so that labels of a month close.
GAP = timedelta(weeks=5)
MOST_WEEKS = 52
_OF_A_WEEK = ("recency", "days_bought", *TYPE_FEATURES)
_SCHEMA = ", ".join(
    ["as_of date", "card string", *(f"{name} double" for name in _OF_A_WEEK), "spent double"]
)


@dataclass(frozen=True)
class Mondays:
    """The Mondays of a training: `learn` and, five weeks or more later, `test`.

    `learned` is what training may look at; it ends the day before the test begins.
    """

    learn: tuple[date, ...]
    test: tuple[date, ...]
    coverage: Coverage

    @property
    def learned(self) -> Coverage:
        """The coverage that ends before the test begins."""
        last = self.test[0] - timedelta(days=1)
        return Coverage(self.coverage.first, last, self.coverage.holes)

    @property
    def spent(self) -> tuple[date, ...]:
        """The Mondays of the test whose next 28 days are recorded."""
        return tuple(day for day in self.test if self.coverage.days_ahead(day) >= SPENT_DAYS)


def plan(first: date, newest: date, own: SegmentsSettings) -> Mondays:
    """Split the time from the first purchase to the newest day, which may not be over.

    Raises `ModelError` when there are fewer Mondays with a closed week than the settings ask for.
    """
    coverage = Coverage(first, newest - timedelta(days=1), own.holes)
    begin = first + timedelta(days=own.warm_up_days)
    closed = [day for day in mondays(begin, newest) if coverage.days_ahead(day) >= STORED_K]
    test = tuple(closed[-own.test_weeks :])
    learn = [day for day in closed if test and day <= test[0] - GAP][-MOST_WEEKS:]
    found = Mondays(tuple(learn), test, coverage)
    if len(learn) < own.train_weeks or not found.spent:
        raise ModelError(
            "training",
            f"{own.train_weeks} Mondays to learn from, {own.test_weeks} to be judged on and five "
            "weeks between them",
            f"{len(closed)} with a closed week since {begin}",
            "wait for more purchases, or lower segments.train_weeks",
        )
    return found


@dataclass(frozen=True)
class Week:
    """The cards as of a Monday: what types and rules look at, and log(1 + spending) of 28 days."""

    day: date
    features: pl.DataFrame
    spent: Floats


def weeks_of(purchases: DataFrame, days: tuple[date, ...]) -> list[Week]:
    """The cards as of several Mondays, computed in tasks."""

    def rows(held: pl.DataFrame) -> pl.DataFrame:
        return pl.concat(_week(held, day) for day in days)

    many = buckets_for(purchases)
    found = by_bucket(purchases, rows, _SCHEMA, many).orderBy("as_of", "card")
    whole = cast(pl.DataFrame, pl.from_arrow(found.toArrow()))
    parts = whole.partition_by("as_of", as_dict=True)
    return [_as_week(day, parts[day,]) for day in days if (day,) in parts]


def sampled(purchases: DataFrame, rows_per_card: int, most: int) -> DataFrame:
    """The purchases of as many cards, chosen by a hash, as give at most `most` rows."""
    cards = purchases.select("card").distinct().count()
    share = most / max(cards * rows_per_card, 1)
    if share >= 1:
        return purchases
    return purchases.where(f.pmod(f.xxhash64("card"), f.lit(10_000)) < int(share * 10_000))


def _week(held: pl.DataFrame, day: date) -> pl.DataFrame:
    last = day + timedelta(days=SPENT_DAYS - 1)
    bought = held.filter(pl.col("date").is_between(day, last) & (pl.col("amount") > 0))
    spent = bought.group_by("card").agg(spent=pl.col("amount").sum().cast(pl.Float64))
    features = card_features(held, day)
    joined = features.join(spent, on="card", how="left", maintain_order="left")
    return joined.select(
        pl.lit(day).alias("as_of"),
        "card",
        *_OF_A_WEEK,
        pl.col("spent").fill_null(0.0),
    )


def _as_week(day: date, rows: pl.DataFrame) -> Week:
    return Week(day, rows.drop("as_of", "spent"), np.log1p(rows["spent"].to_numpy()))
