"""What monitoring costs, and how early and rightly it speaks (docs/monitoring-quality.md)."""

from __future__ import annotations

from bench import monitor_quality
from bench.measure import Measurement, Size


def run(size: Size) -> list[Measurement]:
    """Write the page of detection quality."""
    monitor_quality.run(size)
    return []
