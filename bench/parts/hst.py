"""The online learner's kernel beside river: the same rows, scored and then learned one by one."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import numpy as np
from river import anomaly, preprocessing

from bench.measure import ROUNDS, Figure, Measurement, Size, compare
from bench.stand import Stand
from lakehouse.domains.fraud.contracts import FEATURES
from lakehouse.models.forest import Floats
from lakehouse.models.half_space_trees import HalfSpaceTrees, TreeShape

SHAPE, SEED = TreeShape(10, 8, 250), 42
ROWS = {"small": 500, "full": 8_000}
# The kernel is so much faster that one pass would be too short to be measured.
PASSES = {"small": 5, "full": 25}


def run(size: Size, _: Stand) -> list[Measurement]:
    """The one figure, after a look at whether both give the same scores."""
    rows = np.random.default_rng(1).normal(size=(ROWS[size], len(FEATURES)))
    records = [dict(zip(FEATURES, row, strict=True)) for row in rows.tolist()]
    trees = HalfSpaceTrees.grow(FEATURES, SHAPE, SEED)
    farthest = float(np.abs(trees.score_and_learn(rows)[0] - _river(records)).max())
    data = (
        f"{ROWS[size]:,} rows x {len(FEATURES)} features, "
        f"{SHAPE.trees} trees of height {SHAPE.height}, window {SHAPE.window}"
    )
    note = f"processor seconds on one core; greatest difference of two scores: {farthest}"
    figure = Figure("hst_vs_river", "rows/s", True, data, note)
    ours = partial(_kernel_rate, trees, rows, PASSES[size])
    return [compare(figure, "river, one by one", ours, partial(_rate, records), ROUNDS[size])]


def _kernel_rate(trees: HalfSpaceTrees, rows: Floats, passes: int) -> float:
    start = time.process_time()
    for _ in range(passes):
        trees.score_and_learn(rows)
    return passes * len(rows) / (time.process_time() - start)


def _rate(records: list[dict[str, float]]) -> float:
    start = time.process_time()
    _river(records)
    return len(records) / (time.process_time() - start)


def _river(records: list[dict[str, float]]) -> Floats:
    model: Any = preprocessing.MinMaxScaler() | anomaly.HalfSpaceTrees(
        SHAPE.trees, SHAPE.height, SHAPE.window, seed=SEED
    )
    scores = np.zeros(len(records))
    for number, record in enumerate(records):
        scores[number] = model.score_one(record)
        model.learn_one(record)
    return scores
