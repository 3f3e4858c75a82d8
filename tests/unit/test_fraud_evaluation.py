from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from flaskapp.fraud.laws import Laws
from flaskapp.fraud.world import CardWorld
from lakehouse.domains.fraud.contracts import FEATURES
from lakehouse.models.manifest import Costs, Interval
from lakehouse.models.scoring import Scores
from pyspark_jobs.fraud import candidates, evaluation
from pyspark_jobs.fraud.candidates import Labels, Recent, Rows
from pyspark_jobs.fraud.evaluation import Judged

RNG = np.random.default_rng(3)
LABEL = (RNG.random(4_000) < 0.1).astype(np.int64)
SCORE = np.clip(RNG.normal(0.3 + 0.3 * LABEL, 0.15), 0, 1)
WEIGHT = np.where(LABEL == 1, 1.0, 8.0)
JUDGED = Judged(LABEL, WEIGHT, np.arange(4_000), seed=1)


def value(name: str) -> float:
    found = JUDGED.rankings(SCORE)[name]
    assert isinstance(found, Interval) and found.low <= found.value <= found.high
    return found.value


def test_weighted_rankings_are_those_of_a_second_implementation() -> None:
    theirs = average_precision_score(LABEL, SCORE, sample_weight=WEIGHT)
    assert value("pr_auc") == pytest.approx(theirs)
    assert value("roc_auc") == pytest.approx(roc_auc_score(LABEL, SCORE, sample_weight=WEIGHT))


def test_recall_within_a_budget_counts_what_a_row_stands_for() -> None:
    label = np.array([1, 0, 1, 0, 0])
    judged = Judged(label, np.array([1.0, 9.0, 1.0, 9.0, 80.0]), np.arange(5), seed=1)
    score = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    found = judged.rankings(score)["recall_at_1"]
    assert isinstance(found, Interval) and found.value == pytest.approx(0.5)


def test_figures_never_have_roc_auc_alone() -> None:
    scores = Scores(SCORE, SCORE, (SCORE > 0.6).astype(np.int32))
    found = evaluation.figures(JUDGED, scores, {"other": RNG.random(4_000)}, Costs(100, 10))
    assert found.ranking == "pr_auc" and {"pr_auc", "roc_auc"} <= set(found.metrics)
    assert found.value("base_rate") == pytest.approx(LABEL.sum() / WEIGHT.sum())
    assert {"pr_auc", "roc_auc"} <= set(found.baselines["other"])


def test_a_threshold_keeps_to_the_budget_of_alerts_by_weight() -> None:
    recent = Recent(SCORE[:, None], LABEL, WEIGHT, alert_rate=0.01)
    threshold = recent.threshold(SCORE)
    alerts = WEIGHT[threshold <= SCORE].sum() / WEIGHT.sum()
    assert 0.005 < alerts < 0.015
    assert recent.prior_shift == pytest.approx(-np.log(8.0))


def test_the_best_candidate_is_the_one_with_the_greatest_pr_auc() -> None:
    assert evaluation.best(JUDGED, {"a": RNG.random(4_000), "b": SCORE}) == "b"


def test_a_share_of_the_best_comes_with_an_interval_on_the_same_replicates() -> None:
    ours, best, share = JUDGED.beside(SCORE, LABEL + SCORE / 10)
    assert best.value == 1.0 and share.value == pytest.approx(ours.value)
    assert ours.low <= ours.value <= ours.high
    assert JUDGED.beside(SCORE, SCORE)[2] == Interval(1.0, 1.0, 1.0)


def part(rows: int, label: Labels) -> tuple[Rows, Recent]:
    """The first `rows` of a world to fit on and recalibrate with, under these labels."""
    values = WORLD.rows(0, rows).select(FEATURES).to_numpy()
    older = rows * 3 // 4
    recent = Recent(values[older:], label[older:rows], np.ones(rows - older), alert_rate=0.05)
    return Rows(np.ascontiguousarray(values), label[:rows], older), recent


WORLD = CardWorld(Laws.draw(11, accounts=100, rate=0.05))


def test_labels_that_are_noise_give_the_base_rate() -> None:
    drawn = WORLD.rows(0, 16_000)
    label = drawn["Class"].cast(pl.Int64).to_numpy()
    later = np.ascontiguousarray(drawn[12_000:].select(FEATURES).to_numpy())
    judged = Judged(label[12_000:], np.ones(4_000), np.arange(4_000), seed=1)

    def learned_from(told: Labels) -> float:
        scorer = candidates.logistic(*part(12_000, told)).scorer
        return judged.pr_auc(scorer.score(later).probability)

    noise = np.random.default_rng(2).permutation(label)
    assert learned_from(label) > 0.8
    assert learned_from(noise) < 2 * label.mean()
