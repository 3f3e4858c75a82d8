"""What importance weights change in estimated performance: `python -m bench.weighted_estimates`.

Like CBPE, PAPE (arXiv 2401.08348) takes calibrated scores for the probabilities of the outcomes. It
calibrates them anew for each day, on reference rows that are weighted by how much likelier their
inputs are on that day. Per plan: how far the ROC-AUC that either expects is off on a drifted day
(mean absolute error) and over all of them (the mean), and the share of the reference that is left.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from statistics import fmean

import msgspec
import numpy as np
import polars as pl
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import roc_auc_score

from bench.churn_world import DRIFT_FROM, FEATURES, ScoredWorld, day
from bench.estimate_quality import SEEDS
from bench.monitor_quality import PLANS, STEADY
from lakehouse.models.forest import Floats
from monitoring.analysis.values import LABEL, SCORE

EVERY_DAYS, MIN_POSITIVES = 3, 5
# Weights are ratios of probabilities, which are held within these bounds.
LEAST, MOST = 1e-4, 1 - 1e-4


class Day(msgspec.Struct, frozen=True):
    """Errors of both estimates of a day's ROC-AUC, and the share of the reference that counts."""

    plain: float
    weighted: float
    share: float


def days(world: ScoredWorld, plan: str | None) -> Iterator[Day]:
    """Every third day under a plan whose outcomes are known."""
    before = world.reference
    rows = world.analysis(plan).filter(
        pl.col("Date") >= day(DRIFT_FROM), pl.col(LABEL).is_not_null()
    )
    for (date,), now in rows.group_by("Date", maintain_order=True):
        is_chosen = (date - day(DRIFT_FROM)).days % EVERY_DAYS == 0
        if is_chosen and now[LABEL].sum() >= MIN_POSITIVES:
            weight = weights(*(part.select(FEATURES).to_numpy() for part in (before, now)))
            score, truth = now[SCORE].to_numpy(), roc_auc_score(now[LABEL], now[SCORE])
            plain, weighted = (
                expected_roc_auc(score, _calibrated(before, score, some)) - truth
                for some in (None, weight)
            )
            yield Day(plain, weighted, weight.sum() ** 2 / (weight**2).sum() / len(weight))


def weights(before: Floats, now: Floats) -> Floats:
    """How much likelier each row of `before` is in `now`, by a classifier that tells them apart."""
    is_now = np.repeat([0, 1], [len(before), len(now)])
    told = HistGradientBoostingClassifier(max_iter=50, max_leaf_nodes=15, random_state=0)
    told.fit(np.concatenate([before, now]), is_now)
    chance = np.clip(told.predict_proba(before)[:, 1], LEAST, MOST)
    found: Floats = chance / (1 - chance) * len(before) / len(now)
    return found


def expected_roc_auc(score: Floats, chance: Floats) -> float:
    """The ROC-AUC of scores of rows that are positive with these probabilities.

    The share of pairs in order, a pair of rows counting by the probability that the one is positive
    and the other is not; half of it where the scores are equal.
    """
    order = np.argsort(score, kind="stable")
    _, starts = np.unique(score[order], return_index=True)
    positive = np.add.reduceat(chance[order], starts)
    negative = np.add.reduceat(1 - chance[order], starts)
    below = np.cumsum(negative) - negative
    return float((positive * (below + negative / 2)).sum() / (positive.sum() * negative.sum()))


def _calibrated(before: pl.DataFrame, score: Floats, weight: Floats | None) -> Floats:
    known = IsotonicRegression(out_of_bounds="clip", y_min=0, y_max=1)
    known.fit(before[SCORE].to_numpy(), before[LABEL].to_numpy(), sample_weight=weight)
    found: Floats = known.predict(score)
    return found


def _line(plan: str, worlds: Sequence[Sequence[Day]]) -> str:
    figures = [
        figure
        for name in ("plain", "weighted")
        for figure in (
            fmean(abs(getattr(one, name)) for some in worlds for one in some),
            fmean(abs(fmean(getattr(one, name) for one in some)) for some in worlds),
        )
    ]
    share = fmean(one.share for some in worlds for one in some)
    return f"| `{plan}` | {' | '.join(f'{one:.3f}' for one in figures)} | {share:.2f} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--subscribers", type=int, default=2_000)
    options = parser.parse_args()
    print("| plan | CBPE, a day | all days | weighted, a day | all days | share left |")
    print("| --- | --- | --- | --- | --- | --- |")
    worlds = [ScoredWorld(seed, options.subscribers) for seed in options.seeds]
    for plan in (None, *PLANS):
        found = [list(days(world, plan)) for world in worlds]
        print(_line(plan or STEADY, found), flush=True)


if __name__ == "__main__":
    main()
