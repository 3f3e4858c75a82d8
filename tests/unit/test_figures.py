from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from lakehouse import metrics
from lakehouse.metrics import ScoredLabels
from lakehouse.models.manifest import Costs

COSTS = Costs(false_negative=100.0, false_positive=10.0)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), rows=st.integers(4, 60), steps=st.integers(1, 10))
def test_areas_agree_with_a_second_implementation(seed: int, rows: int, steps: int) -> None:
    rng = np.random.default_rng(seed)
    score = rng.integers(0, steps, rows).astype(float)  # few values, so many ties
    label = np.append([0, 1], rng.integers(0, 2, rows - 2))
    weight = np.append([1.0, 1.0], rng.integers(0, 4, rows - 2))
    ranking = ScoredLabels(score, label)
    assert ranking.roc_auc() == pytest.approx(roc_auc_score(label, score))
    assert ranking.pr_auc() == pytest.approx(average_precision_score(label, score))
    weighted = roc_auc_score(label, score, sample_weight=weight)
    assert ranking.roc_auc(weight) == pytest.approx(weighted)
    weighted = average_precision_score(label, score, sample_weight=weight)
    assert ranking.pr_auc(weight) == pytest.approx(weighted)


@pytest.mark.parametrize(
    ("score", "label", "recall"),
    [
        pytest.param(range(20), [0] * 18 + [1, 1], 1.0, id="all found"),
        pytest.param(range(20), [1, 1] + [0] * 16 + [1, 1], 0.5, id="half of them"),
        pytest.param([0] * 20, [1] * 10 + [0] * 10, 0.1, id="a part of equal scores counts"),
        pytest.param([1, 1, 1, 1] + [0] * 16, [1] + [0] * 19, 0.5, id="at the edge of the tenth"),
    ],
)
def test_recall_in_the_top_decile(score: list[int], label: list[int], recall: float) -> None:
    ranking = ScoredLabels(np.array(score, float), np.array(label))
    assert ranking.recall_top_decile() == pytest.approx(recall)
    twice = np.full(len(label), 2.0)
    assert ranking.recall_top_decile(twice) == pytest.approx(recall)


def test_recall_needs_positives() -> None:
    assert np.isnan(ScoredLabels(np.array([0.1, 0.2]), np.array([0, 0])).recall_top_decile())


def test_one_class_has_no_area() -> None:
    assert np.isnan(ScoredLabels(np.array([0.1, 0.2]), np.array([1, 1])).roc_auc())


def test_a_replicate_draws_whole_entities() -> None:
    entity = np.array([0, 0, 0, 1, 1, 2])
    for weight in metrics.resampled(entity, seed=1):
        assert len(set(weight[:3])) == 1 and len(set(weight[3:5])) == 1
        assert weight[0] + weight[3] + weight[5] == 3


def test_intervals_widen_when_rows_repeat_few_entities() -> None:
    rng = np.random.default_rng(2)
    label = np.repeat(rng.integers(0, 2, 40), 25)
    score = np.repeat(rng.normal(size=40), 25) + label
    ranking = {"it": ScoredLabels(score, label)}
    by_entity, by_row = (
        metrics.with_intervals(ranking, entity, seed=1)["it"]["roc_auc"]
        for entity in (np.repeat(np.arange(40), 25), np.arange(1000))
    )
    assert by_entity.value == by_row.value
    assert by_entity.high - by_entity.low > 2 * (by_row.high - by_row.low)


@pytest.mark.parametrize(
    ("probability", "label", "error"),
    [
        ([0.25] * 40, [1, 0, 0, 0] * 10, 0.0),
        ([0.5] * 40, [1, 0, 0, 0] * 10, 0.25),
    ],
)
def test_calibration_error_is_the_gap_to_the_frequency(
    probability: list[float], label: list[int], error: float
) -> None:
    found = metrics.calibration_error(np.array(probability), np.array(label))
    # Ten bins of four rows hold one positive each.
    assert found == pytest.approx(error)


def test_the_cheapest_threshold_beats_every_other_one() -> None:
    rng = np.random.default_rng(3)
    probability = rng.beta(1, 8, 400).round(2)
    label = (rng.random(400) < probability).astype(np.int64)
    threshold = metrics.cheapest_threshold(probability, label, COSTS)

    def cost(cut: float) -> float:
        return metrics.cost((probability >= cut).astype(np.int64), label, COSTS)

    assert cost(threshold) == min(cost(cut) for cut in np.linspace(0, 1, 501))


def test_where_acting_never_pays_the_threshold_is_beyond_all() -> None:
    cheap_to_miss = Costs(false_negative=1.0, false_positive=1000.0)
    probability, label = np.array([0.1, 0.4, 0.8]), np.array([0, 1, 0])
    assert metrics.cheapest_threshold(probability, label, cheap_to_miss) > 0.8


def test_cost_counts_positives_missed_and_needless_actions() -> None:
    prediction, label = np.array([1, 1, 0, 0]), np.array([1, 0, 1, 0])
    assert metrics.cost(prediction, label, COSTS) == 110.0


def test_only_a_column_that_matters_loses_when_shuffled() -> None:
    rng = np.random.default_rng(4)
    rows = rng.normal(size=(2_000, 2))
    label = (rows[:, 0] + rng.normal(size=2_000) > 0).astype(np.int64)
    losses = metrics.permutation_importance(lambda x: x[:, 0], rows, label, seed=1)
    assert losses[0] > 0.2
    assert losses[1] == 0.0


def test_precision_at_the_top_looks_at_a_tenth_of_the_rows() -> None:
    probability = np.linspace(0, 1, 20)
    label = (probability > 0.97).astype(np.int64)
    assert metrics.precision_at_top(probability, label) == 0.5
