"""nvForest from a file of scikit-learn, on the processor: one lot of rows a job."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import joblib
import numpy as np

import nvforest

SECONDS = 0.5


def main() -> None:
    """Load the forest and the rows, then score the first rows again and again, a line a job."""
    forest, rows = sys.argv[1:]
    scorer = nvforest.load_from_sklearn(joblib.load(forest), device="cpu")
    asked = np.load(rows)
    print("ready", flush=True)
    for line in sys.stdin:
        job, _, folder = line.strip().partition(" ")
        lot = asked[: int(job)]
        np.save(Path(folder) / "votes.npy", scorer.predict_proba(lot))
        calls, start = 0, time.perf_counter()
        while time.perf_counter() - start < SECONDS:
            scorer.predict_proba(lot)
            calls += 1
        print("took", (time.perf_counter() - start) / calls, flush=True)


main()
