"""The baseline of the benchmarks: turns, medians, and which way a ratio points."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import results
from bench.__main__ import first_failure
from bench.measure import Figure, compare, hold

LESS = Figure("score_vs_sklearn", "s", False, "10 rows")
MORE = Figure("world_rows_per_second", "rows/s", True, "10 days", "a note")


def test_both_ways_run_in_turns_after_one_unmeasured_turn_each() -> None:
    turns: list[str] = []

    def way(name: str, value: float) -> float:
        turns.append(name)
        return value

    found = compare(LESS, "theirs", lambda: way("a", 2.0), lambda: way("b", 3.0), 2)
    assert turns == ["a", "b"] * 3
    assert (found.ours, found.theirs, found.rounds, found.spread) == (2.0, 3.0, 2, 0.0)
    assert found.ratio == pytest.approx(1.5)


def test_a_ratio_above_one_is_better_for_more_and_for_less() -> None:
    assert hold(MORE, 100.0, lambda: 150.0, 3).ratio == pytest.approx(1.5)
    assert hold(LESS, 100.0, lambda: 150.0, 3).ratio == pytest.approx(2 / 3)


def test_the_spread_is_the_distance_between_the_quartiles() -> None:
    values = iter([0.0, 1.0, 2.0, 3.0, 4.0, 100.0])
    assert hold(MORE, 1.0, lambda: next(values), 5).spread == pytest.approx(2.0)


def test_results_are_kept_by_part_and_shown_on_the_page(tmp_path: Path) -> None:
    results.write("world", [hold(MORE, 100.0, lambda: 1234.0, 3)], tmp_path)
    kept = results.read(tmp_path)
    text = results.page(kept)
    assert "| `world_rows_per_second` | 1,234 rows/s | the bar | 100 | 12.34 |" in text
    assert "- `world_rows_per_second`: a note" in text


@pytest.mark.parametrize(
    ("codes", "first"), [([0, -9, 0], 1), ([0, 2, 1], 2), ([-9, 2], 1), ([0, 0], 0)]
)
def test_a_part_that_was_killed_counts_as_one_that_failed(codes: list[int], first: int) -> None:
    assert first_failure(codes) == first
