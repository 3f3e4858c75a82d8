from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from monitoring.value_detector import ValueDetector, usual

FIRST = date(2025, 1, 1)


def values(count: int, seed: int, shift: float = 0.0) -> tuple[list[float], list[date]]:
    """Heavy-tailed values with a level of their own for weekends and for August."""
    rng = np.random.default_rng(seed)
    days = [FIRST + timedelta(days=int(day)) for day in rng.integers(0, 730, count)]
    season = [2.0 * (day.weekday() >= 5) - 1.5 * (day.month == 8) for day in days]
    return (rng.standard_t(4, count) / np.sqrt(2) + shift + season).tolist(), days


LEVEL = usual(*values(40_000, 0))


def alarms(detector: ValueDetector, count: int, seed: int, shift: float = 0.0) -> list[int]:
    events = zip(*values(count, seed, shift), strict=True)
    return [at for at, (value, day) in enumerate(events) if detector.observe(value, day)]


def test_noise_gives_no_alarm() -> None:
    assert alarms(ValueDetector(LEVEL), 20_000, seed=1) == []


@pytest.mark.parametrize("shift", [0.3, -0.3])
def test_a_small_lasting_shift_is_found_within_500_events(shift: float) -> None:
    for seed in range(5):
        detector = ValueDetector(LEVEL)
        assert alarms(detector, 2_000, seed=10 + seed) == []
        assert alarms(detector, 500, seed=20 + seed, shift=shift)


def test_a_season_is_no_shift() -> None:
    detector, rng = ValueDetector(LEVEL), np.random.default_rng(3)
    august = [date(2025, 8, 1) + timedelta(days=int(day)) for day in rng.integers(0, 31, 4_000)]
    left = rng.standard_t(4, 4_000) / np.sqrt(2)
    quiet = [x - 1.5 + 2.0 * (day.weekday() >= 5) for x, day in zip(left, august, strict=True)]
    assert not any(detector.observe(x, day) for x, day in zip(quiet, august, strict=True))


def test_one_value_has_no_usual_level() -> None:
    with pytest.raises(ValueError, match="got 1"):
        usual([1.0], [FIRST])
