"""Persistent shifts too small to show in a single chunk: Page's cumulative sum per column.

The excess of a column over `ALLOWANCE` of its limit accumulates from chunk to chunk; a shortfall is
subtracted. The sum is capped at `DECISION`, so it forgets a shift in the first quiet chunk after
its end.
"""

from __future__ import annotations

from collections.abc import Mapping

ALLOWANCE = 0.65
DECISION = 1.5
# No single chunk, however far off, makes a persistent shift.
AT_MOST = 1.0


def step(sums: Mapping[str, float], limit_ratios: Mapping[str, float]) -> dict[str, float]:
    """The sums of all columns after one more chunk.

    >>> step({"calls": 0.0}, {"calls": 0.85})
    {'calls': 0.2}
    """
    return {
        column: round(_clipped(sums.get(column, 0.0) + min(ratio, AT_MOST) - ALLOWANCE), 9)
        for column, ratio in limit_ratios.items()
    }


def shifted(sums: Mapping[str, float]) -> frozenset[str]:
    """Columns whose shift has persisted."""
    return frozenset(column for column, total in sums.items() if total >= DECISION)


def _clipped(total: float) -> float:
    return min(max(total, 0.0), DECISION)
