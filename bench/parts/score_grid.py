"""Forests of many sizes and lots of many sizes, beside ONNX Runtime: one model file, one thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import onnxruntime
from sklearn.ensemble import RandomForestClassifier

from bench import forest_data
from bench.measure import ROUNDS, Figure, Measurement, Size, compare, seconds
from bench.stand import Stand
from lakehouse.models import onnx_file
from lakehouse.models.calibration import Calibration
from lakehouse.models.forest import Floats
from lakehouse.models.forest_model import ForestModel
from lakehouse.models.forest_scorer import ForestScorer

FEATURES, TAUGHT, ASKED = 24, 20_000, 10_000
TREES = {"small": (5,), "full": (10, 100, 500)}
DEPTHS = {"small": (4,), "full": (6, 12)}
LOTS = {"small": (1, 100), "full": (1, 100, ASKED)}
# A rate is taken over calls that last so long together.
SECONDS = {"small": 0.01, "full": 0.5}
PARITY = 1e-6
Score = Callable[[Floats], Any]


def run(size: Size, _: Stand) -> Iterator[Measurement]:
    """A figure for each forest and lot. Raises `AssertionError` for unequal probabilities."""
    taught = forest_data.draw(TAUGHT, FEATURES, seed=1)
    asked = forest_data.draw(ASKED, FEATURES, seed=2).rows
    for trees, depth in product(TREES[size], DEPTHS[size]):
        fitted = RandomForestClassifier(trees, max_depth=depth, n_jobs=-1, random_state=1)
        forest = forest_data.from_sklearn(fitted.fit(taught.rows, taught.label))
        model = ForestModel(taught.names, forest, Calibration(1.0, 0.0), 0.5)
        ours, theirs = ForestScorer(model).score, _runtime(onnx_file.encode(model))
        gap = np.abs(ours(asked).probability - theirs(asked)[1][:, 1]).max()
        assert gap <= PARITY, gap
        for lot in LOTS[size]:
            rows, least = asked[:lot], SECONDS[size]
            figure = Figure("score_grid_vs_onnx", "rows/s", True, f"{FEATURES} features, a thread")
            yield compare(
                figure, f"ONNX Runtime, {trees} trees of depth {depth}, lots of {lot:,}",
                partial(_rate, ours, rows, least), partial(_rate, theirs, rows, least),
                ROUNDS[size],
            )  # fmt: skip


def _runtime(file: bytes) -> Score:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(file, options)
    return lambda rows: session.run(None, {"features": rows})


def _rate(score: Score, rows: Floats, least: float) -> float:
    """Rows per second of calls that together last `least` seconds."""
    calls, took = 0, 0.0
    while took < least:
        calls, took = calls + 1, took + seconds(partial(score, rows))
    return calls * len(rows) / took
