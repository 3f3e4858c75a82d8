"""How fast the world is simulated, and whether it is as hard as it says (docs/world.md)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from bench import world_quality
from bench.measure import ROUNDS, Figure, Measurement, Size, hold, seconds
from bench.stand import Stand
from flaskapp.cdr.world import World
from lakehouse.domains.cdr.settings import WorldSettings

BAR = 1_000_000.0
SUBSCRIBERS: dict[Size, int] = {"small": 20_000, "full": 200_000}
DAYS = 20
START = date(2026, 1, 5)


def run(size: Size, _: Stand) -> list[Measurement]:
    """Subscriber-days a second on one core; at full size the page of quality too."""
    if size == "full":
        world_quality.write()
    subscribers = SUBSCRIBERS[size]
    shape = f"{DAYS} days of {subscribers:,} subscribers"
    note = "subscriber-days on one core, about 0.68 rows each; typed frames in order of time"
    figure = Figure("world_rows_per_second", "subscriber-days/s", True, shape, note)
    with _one_core():
        return [hold(figure, BAR, lambda: _rate(subscribers), ROUNDS[size])]


def _rate(subscribers: int) -> float:
    """The rate of days after the first, which brings half a year of life before it."""
    days = World(WorldSettings(subscribers=subscribers, seed=3), START).days(0, DAYS)
    next(days)
    spent = seconds(lambda: sum(frame.height for frame in days))
    return subscribers * DAYS / spent


@contextmanager
def _one_core() -> Iterator[None]:
    """This process and its threads on one core."""
    everywhere = os.sched_getaffinity(0)
    _pin({min(everywhere)})
    try:
        yield
    finally:
        _pin(everywhere)


def _pin(cores: set[int]) -> None:
    for thread in Path("/proc/self/task").iterdir():
        os.sched_setaffinity(int(thread.name), cores)
