"""The parts of the benchmarks, and which of them share a process at the small size."""

from __future__ import annotations

# Those that share a Spark session and some more, and those that need none in their own process.
LANES = (("ingest", "path", "score", "train", "growth", "world", "startup"),
         ("freshness", "loader", "relay", "monitor"))  # fmt: skip
# At the small size these run only where they are named, since they take longest to begin.
ON_DEMAND = (
    "aggregate",
    "day",
    "scaling",
    "model",
    "quality",
    "real_drift",
    "segments",
    "workers",
    "hst",
    "fraud",
    "alarms",
    "latency",
    "cards",
    "fraud_quality",
    "serving",
    "score_grid",
    "predict",
    "clicks",
)
PARTS = (*LANES[0], *LANES[1], *ON_DEMAND)
