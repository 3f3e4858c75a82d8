"""Points and bars of the page's small charts, in the units of their drawings."""

from __future__ import annotations

from collections.abc import Sequence

from monitoring.segments.report import Bin, Week


def line(values: Sequence[float | None], width: float, height: float, most: float) -> str:
    """The points of a polyline over the whole width; a missing value is left out.

    >>> line([0.0, 1.0], 10, 4, 1.0)
    '0.0,4.0 10.0,0.0'
    """
    step = width / max(len(values) - 1, 1)
    points = [
        f"{at * step:.1f},{height * (1 - value / most):.1f}"
        for at, value in enumerate(values)
        if value is not None
    ]
    return " ".join(points)


def bars(
    values: Sequence[int], width: float, height: float, most: int
) -> list[tuple[float, float, float, float]]:
    """x, y, width and height of a bar for each value above 0.

    >>> bars([2, 0], 10, 4, 4)
    [(0.0, 2.0, 4.0, 2.0)]
    """
    step = width / max(len(values), 1)
    found = []
    for at, value in enumerate(values):
        if value > 0:
            tall = round(height * min(value / most, 1.0), 2)
            found.append((round(at * step, 2), round(height - tall, 2), round(step * 0.8, 2), tall))
    return found


def dots(bins: Sequence[Bin], size: float) -> list[tuple[float, float]]:
    """The points (predicted, observed) of a square with the origin at the lower left."""
    return [(round(one.predicted * size, 1), round((1 - one.observed) * size, 1)) for one in bins]


def greatest(weeks: Sequence[Week]) -> float:
    """The upper end of the axis of Brier scores."""
    values = [x for one in weeks for x in (one.estimated, one.realised) if x is not None]
    return max([*values, 0.01]) * 1.1


def most(examples: Sequence[Sequence[int]]) -> int:
    """The most purchases in a week among some cards."""
    return max([max(one, default=0) for one in examples] + [1])
