"""Two workers of one core each beside one: what the engine gains from a second machine."""

from __future__ import annotations

from bench import workers_stages, workers_train
from bench.measure import Measurement, Size
from bench.stand import Stand


def run(size: Size, stand: Stand) -> list[Measurement]:
    """All figures; each starts executors of its own."""
    return [*workers_stages.stages(size, stand), workers_train.two_beside_one(size)]
