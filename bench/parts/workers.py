"""Two workers of one core each beside one: what the engine gains from a second machine."""

from __future__ import annotations

from collections.abc import Iterator

from bench import workers_stages, workers_train
from bench.measure import Measurement, Size
from bench.stand import Stand


def run(size: Size, stand: Stand) -> Iterator[Measurement]:
    """All figures; each starts executors of its own."""
    yield from workers_stages.stages(size, stand)
    yield workers_train.two_beside_one(size)
