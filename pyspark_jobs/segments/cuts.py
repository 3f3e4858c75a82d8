"""How many types there are, and how well the segments made of them do on later weeks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from pyspark.sql import SparkSession

from lakehouse import metrics
from lakehouse.domains.segments.segments import Numbers, cell, joined, show, state
from lakehouse.models.forest import Floats
from lakehouse.models.kmeans import KMeansModel
from lakehouse.models.manifest import Interval
from pyspark_jobs.segments import types
from pyspark_jobs.segments.weeks import Week

COUNTS = (3, 4)
ROUNDS_TO_CHOOSE = 3
LEAST_AGREEMENT = 0.8


@dataclass(frozen=True)
class Cut:
    """Types, and as which segment each cell of type and state is shown."""

    model: KMeansModel
    shown: dict[int, int]

    def segments(self, week: Week) -> Numbers:
        """The segment of each card."""
        return show(_cells(self.model, week), self.shown)


@dataclass(frozen=True)
class Steadiness:
    """Types from week to week: adjusted Rand index, median and worst; share that changes type."""

    agreement: float
    worst: float
    movers: float


def fit(spark: SparkSession, week: Week, count: int, seed: int, rounds: int = types.ROUNDS) -> Cut:
    """Types of a week's cards, the best of some rounds, and segments of at least 5.5 % of them."""
    return of(types.fit_types(spark, week.features, count, seed, rounds), week)


def of(model: KMeansModel, week: Week) -> Cut:
    """The segments that known types make of a week's cards."""
    return Cut(model, joined(_cells(model, week), len(model.centroids), week.spent))


def choose(spark: SparkSession, learn: Sequence[Week], seed: int) -> int:
    """The number of types whose segments explain most of later spending and are steady.

    Types of the first week are judged on the last ones, all before the test. Types that change too
    much from week to week are only taken if all do.
    """
    ranked = []
    for count in COUNTS:
        cut = fit(spark, learn[0], count, seed, ROUNDS_TO_CHOOSE)
        later = learn[len(learn) // 2 :]
        value = float(np.mean([r2(cut, learn[0], one) for one in later]))
        is_steady = steadiness(cut.model, learn).worst >= LEAST_AGREEMENT
        ranked.append((is_steady, value, -count))
    return -max(ranked)[2]


def r2(cut: Cut, first: Week, later: Week) -> float:
    """R2 of log spending in a later week, of the means by segment of an earlier one."""
    return types.explained(cut.segments(first), first.spent, cut.segments(later), later.spent)


def gain(ours: Floats, theirs: Floats, week: Week, seed: int) -> Interval:
    """How much more of a week's log spending one guess explains than another, as R2.

    The 95 % interval draws cards anew.
    """
    spent = week.spent

    def difference(weight: Floats) -> float:
        level = (spent * weight).sum() / weight.sum()
        losses = [(weight * (spent - guess) ** 2).sum() for guess in (ours, theirs, level)]
        return float((losses[1] - losses[0]) / losses[2])

    drawn = [difference(w) for w in metrics.resampled(np.arange(len(spent)), seed)]
    return metrics.interval(difference(np.ones(len(spent))), drawn)


def guesses(before: Numbers, spent: Floats, after: Numbers) -> Floats:
    """The mean of the earlier week's cell for each card of the later week."""
    mean = {int(one): float(spent[before == one].mean()) for one in np.unique(before)}
    return np.array([mean.get(int(one), float(spent.mean())) for one in after])


def rule(first: Week, week: Week) -> Numbers:
    """Nine cells by thirds of recency and of days bought, with the bounds of the first week."""
    parts = []
    for name in ("recency", "days_bought"):
        bounds = np.quantile(first.features[name].to_numpy(), (1 / 3, 2 / 3))
        parts.append(np.searchsorted(bounds, week.features[name].to_numpy()))
    return (parts[0] * 3 + parts[1]).astype(np.int32)


def steadiness(model: KMeansModel, weeks: Sequence[Week]) -> Steadiness:
    """How steady the types of cards are from each week to the next, with the model unchanged.

    Weeks that do not follow each other, because of a hole in between, are not compared.
    """
    kinds = [
        dict(zip(one.features["card"], types.assign(model, one.features).tolist(), strict=True))
        for one in weeks
    ]
    days = [one.day for one in weeks]
    pairs = [
        (kinds[at], kinds[at + 1])
        for at in range(len(weeks) - 1)
        if days[at + 1] - days[at] == timedelta(weeks=1)
    ]
    if not pairs:
        return Steadiness(1.0, 1.0, 0.0)
    agreements = [types.agreement(*pair) for pair in pairs]
    moved = [
        np.mean([before[card] != after[card] for card in before.keys() & after.keys()])
        for before, after in pairs
    ]
    return Steadiness(float(np.median(agreements)), min(agreements), float(np.median(moved)))


def shares(cut: Cut, week: Week) -> dict[int, float]:
    """The share of the cards in each segment."""
    segments = cut.segments(week)
    return {int(one): float((segments == one).mean()) for one in sorted(set(cut.shown.values()))}


def _cells(model: KMeansModel, week: Week) -> Numbers:
    kinds = types.assign(model, week.features)
    return cell(kinds, state(week.features["recency"].to_numpy()))
