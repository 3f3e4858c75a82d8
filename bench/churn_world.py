"""The simulated world, scored by a forest of its own, as frames: what monitoring is judged on.

The same world, features and labels as in the pipeline, computed in this process without a JVM.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import polars as pl
from sklearn.ensemble import RandomForestClassifier

from bench.usage_plans import USAGE_PLANS
from flaskapp.cdr.world.drift import Drift
from flaskapp.cdr.world.world import World
from lakehouse.domains.cdr.contracts import MEASURES
from lakehouse.domains.cdr.features import feature_names, lookback_days
from lakehouse.domains.cdr.settings import WorldSettings
from lakehouse.models.manifest import Costs
from monitoring.analysis.model import Model
from pyspark_jobs.cdr.block import Span
from pyspark_jobs.cdr.dense import dense_rows

START = date(2026, 1, 5)
WINDOWS = (7, 14, 30)
FEATURES = feature_names(WINDOWS)
HORIZON, ACTIVE_DAYS = 30, 7
TRAIN_FROM, TRAIN_TO, TRAIN_EVERY = 30, 105, 5
REFERENCE_FROM, ANALYSIS_FROM, DRIFT_FROM, ANALYSIS_DAYS = 136, 150, 180, 60
DAYS = ANALYSIS_FROM + ANALYSIS_DAYS + HORIZON + 1
COSTS = Costs(100.0, 10.0)
USERS_AT_ONCE = 500


def day(number: int) -> date:
    """Calendar date of a day of the world."""
    return START + timedelta(days=number)


@dataclass(frozen=True)
class ScoredWorld:
    """A world of one seed: its model, its reference, and what came after, with or without drift."""

    seed: int
    subscribers: int

    @cached_property
    def reference(self) -> pl.DataFrame:
        """The model's test window."""
        return self._scored(self._steady, REFERENCE_FROM, ANALYSIS_FROM - 1)

    @property
    def model(self) -> Model:
        """The forest as monitoring knows it."""
        importance = dict(zip(FEATURES, self._forest.feature_importances_.tolist(), strict=True))
        return Model(1, f"seed{self.seed}", FEATURES, COSTS, self._threshold, day(ANALYSIS_FROM),
                     importance)  # fmt: skip

    def analysis(self, plan: str | None) -> pl.DataFrame:
        """Sixty days after the reference; the plan holds from the thirty-first on."""
        last = ANALYSIS_FROM + ANALYSIS_DAYS - 1
        if plan is None:
            return self._scored(self._steady, ANALYSIS_FROM, last)
        is_past = pl.col("Date") < day(DRIFT_FROM)
        if plan in USAGE_PLANS:
            changed = USAGE_PLANS[plan](self._usage.filter(~is_past), day(DRIFT_FROM))
        else:
            changed = self._daily(DRIFT_FROM, Drift(plan, DRIFT_FROM))
        usage = pl.concat([self._usage.filter(is_past), changed])
        before = self._steady.filter(pl.col("Date") < day(DRIFT_FROM)).drop("label")
        after = features_of(usage, DRIFT_FROM, last)
        rows = with_labels(pl.concat([before, after]), usage)
        return self._scored(rows, ANALYSIS_FROM, last)

    @cached_property
    def _steady(self) -> pl.DataFrame:
        rows = features_of(self._usage, TRAIN_FROM, DAYS - HORIZON - 2)
        return with_labels(rows, self._usage)

    @cached_property
    def _usage(self) -> pl.DataFrame:
        return self._daily(0)

    @cached_property
    def _forest(self) -> RandomForestClassifier:
        days = [day(n) for n in range(TRAIN_FROM, TRAIN_TO + 1, TRAIN_EVERY)]
        rows = self._steady.filter(pl.col("Date").is_in(days))
        forest = RandomForestClassifier(
            100, max_depth=10, min_samples_leaf=5, n_jobs=-1, random_state=0
        )
        return forest.fit(rows.select(FEATURES).to_numpy(), rows["label"].to_numpy())

    @cached_property
    def _threshold(self) -> float:
        """The cheapest threshold on a part of the training days that the trees did not all see."""
        rows = self._steady.filter(pl.col("Date").is_between(day(TRAIN_TO - 4), day(TRAIN_TO - 1)))
        score, label = self._probability(rows), rows["label"].to_numpy()
        costs = {
            float(at): COSTS.false_negative * ((score < at) & (label == 1)).sum()
            + COSTS.false_positive * ((score >= at) & (label == 0)).sum()
            for at in np.linspace(0.02, 0.5, 49)
        }
        return min(costs, key=lambda at: float(costs[at]))

    def _probability(self, rows: pl.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        chances = self._forest.predict_proba(rows.select(FEATURES).to_numpy())
        return np.asarray(chances[:, 1], np.float64)

    def _scored(self, rows: pl.DataFrame, first: int, last: int) -> pl.DataFrame:
        chosen = rows.filter(pl.col("Date").is_between(day(first), day(last)))
        score = self._probability(chosen)
        return chosen.with_columns(
            pl.Series("probability_1", score),
            pl.Series("prediction", (score >= self._threshold).astype(np.int32)),
        ).sort("Date", "User")

    def _daily(self, first: int, *drifts: Drift) -> pl.DataFrame:
        settings = WorldSettings(seed=self.seed, subscribers=self.subscribers)
        return usage_of(World(settings, START, drifts=drifts), first, DAYS - 1)


def usage_of(world: World, first: int, last: int) -> pl.DataFrame:
    """Daily sums of each active subscriber from day `first` to `last`, amounts in thousandths."""
    sums = [
        (pl.col(m.name).sum() * (1000 if m.kind == "decimal" else 1)).round().cast(pl.Int64)
        for m in MEASURES
    ]
    daily = [
        events.group_by(User=pl.col("DP_MSISDN")).agg(sums).with_columns(Date=pl.lit(day(n)))
        for n, events in enumerate(world.days(first, last), first)
    ]
    return pl.concat(daily).with_columns(emitted_us=pl.lit(1, pl.Int64))


def features_of(usage: pl.DataFrame, first: int, last: int) -> pl.DataFrame:
    """User, Date and the features from day `first` to day `last`, point in time."""
    since = day(first)
    needed = usage.filter(pl.col("Date") > day(first - lookback_days(WINDOWS)))
    span = Span(day(last), day(last), ACTIVE_DAYS, WINDOWS)
    users = needed["User"].unique(maintain_order=True)
    blocks = []
    for start in range(0, len(users), USERS_AT_ONCE):
        some = pl.DataFrame({"User": users[start : start + USERS_AT_ONCE]})
        rows = needed.join(some, on="User", how="semi").sort("User", "Date")
        blocks.append(dense_rows(rows.with_columns(since=pl.lit(since)), span))
    return pl.concat(blocks).select("User", pl.col("Date").cast(pl.Date), *FEATURES)


def with_labels(rows: pl.DataFrame, usage: pl.DataFrame) -> pl.DataFrame:
    """1 where the subscriber is silent for the whole horizon after the date."""
    active = usage.select("User", pl.col("Date").alias("next")).sort("next")
    asked = rows.with_columns(tomorrow=pl.col("Date") + timedelta(days=1)).sort("tomorrow")
    found = asked.join_asof(
        active, left_on="tomorrow", right_on="next", by="User", strategy="forward",
        check_sortedness=False,
    )  # fmt: skip
    gone = (pl.col("next") - pl.col("Date")).dt.total_days() > HORIZON
    label = (pl.col("next").is_null() | gone).cast(pl.Int32).alias("label")
    return found.with_columns(label).drop("tomorrow", "next")
