from __future__ import annotations

import numpy as np
import pytest

from lakehouse.models import calibration
from lakehouse.models.calibration import Calibration


def test_the_fit_finds_the_curve_that_made_the_labels() -> None:
    rng = np.random.default_rng(0)
    vote = rng.uniform(0.02, 0.98, 200_000)
    label = (rng.random(len(vote)) < Calibration(1.7, -2.2).apply(vote)).astype(np.int64)
    found = calibration.fit(vote, label)
    assert found.slope == pytest.approx(1.7, abs=0.05)
    assert found.offset == pytest.approx(-2.2, abs=0.05)


def test_probabilities_match_the_frequency_after_class_weights() -> None:
    """A forest whose classes weigh the same votes far above the true frequency."""
    rng = np.random.default_rng(1)
    truth = rng.beta(1, 20, 100_000)
    label = (rng.random(len(truth)) < truth).astype(np.int64)
    vote = 20 * truth / (20 * truth + 1 - truth)
    probability = calibration.fit(vote, label).apply(vote)
    assert probability.mean() == pytest.approx(label.mean(), abs=1e-3)
    assert np.abs(probability - truth).mean() < 0.005


def test_the_ranking_never_turns_round_even_if_the_votes_are_wrong() -> None:
    vote = np.linspace(0.1, 0.9, 100)
    found = calibration.fit(vote, (vote < 0.5).astype(np.int64))
    assert (np.diff(found.apply(vote)) > 0).all()


def test_votes_of_nobody_and_of_everybody_stay_off_0_and_1() -> None:
    label = np.array([0, 0, 0, 1])
    probability = calibration.fit(np.array([0.0, 0.0, 0.1, 1.0]), label).apply(np.array([0.0, 1.0]))
    assert 0 < probability[0] < probability[1] < 1
