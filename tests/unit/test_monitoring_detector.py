"""Warnings between runs: noise does not fire, a change does."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from monitoring.online_detector import OnlineDetector

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def scores(rng: np.random.Generator, count: int, mean: float = 0.05) -> list[float]:
    return list(rng.beta(mean * 20, (1 - mean) * 20, count))


@pytest.mark.parametrize("seed", range(10))
def test_noise_does_not_fire(seed: int) -> None:
    rng, detector = np.random.default_rng(seed), OnlineDetector()
    for _ in range(120):
        assert not detector.observe(scores(rng, rng.poisson(300)), 1.0, NOW)


def test_scores_that_move_are_noticed_within_two_batches() -> None:
    rng, detector = np.random.default_rng(1), OnlineDetector()
    for _ in range(30):
        detector.observe(scores(rng, 300), 1.0, NOW)
    found = [n for _ in range(2) for n in detector.observe(scores(rng, 300, 0.10), 1.0, NOW)]
    assert [notice.what for notice in found][:1] == ["scores"]


def test_a_volume_that_falls_is_noticed() -> None:
    rng, detector = np.random.default_rng(1), OnlineDetector()
    for _ in range(30):
        detector.observe(scores(rng, 300), 1.0, NOW)
    found = [n for _ in range(5) for n in detector.observe(scores(rng, 5), 1.0, NOW)]
    assert "volume" in {notice.what for notice in found}
