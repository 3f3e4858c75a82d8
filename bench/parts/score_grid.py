"""Forests and lots of many sizes in one thread, beside ONNX Runtime and nvForest on the processor.

nvForest takes part at full size only, because it has to be fetched with 3.3 GB for GPUs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import joblib
import numpy as np
import onnxruntime
from sklearn.ensemble import RandomForestClassifier

from bench import forest_data
from bench.measure import ROUNDS, Figure, Measurement, Name, Size, compare, seconds
from bench.opponents import nvforest
from bench.stand import Stand, scratch
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
    """Two figures for each forest and lot. Raises `AssertionError` for unequal probabilities."""
    taught = forest_data.draw(TAUGHT, FEATURES, seed=1)
    asked = forest_data.draw(ASKED, FEATURES, seed=2).rows
    for trees, depth in product(TREES[size], DEPTHS[size]):
        fitted = RandomForestClassifier(trees, max_depth=depth, n_jobs=-1, random_state=1)
        forest = forest_data.from_sklearn(fitted.fit(taught.rows, taught.label))
        model = ForestModel(taught.names, forest, Calibration(1.0, 0.0), 0.5)
        race = _Race(ForestScorer(model).score, asked, size, f"{trees} trees of depth {depth}")
        yield from race.with_runtime(onnx_file.encode(model))
        if size == "full":
            yield from race.with_nvforest(fitted)


@dataclass(frozen=True)
class _Race:
    """Our way of scoring a forest, told of in `shape`, and the rows to score."""

    ours: Score
    asked: Floats
    size: Size
    shape: str

    def with_runtime(self, file: bytes) -> Iterator[Measurement]:
        """ONNX Runtime scores the same file."""
        theirs = _runtime(file)
        self._require_equal(theirs(self.asked)[1])
        for lot in LOTS[self.size]:
            rate = partial(_rate, theirs, self.asked[:lot], SECONDS[self.size])
            yield self._compare("score_grid_vs_onnx", "ONNX Runtime", lot, rate)

    def with_nvforest(self, fitted: RandomForestClassifier) -> Iterator[Measurement]:
        """nvForest scores the same trees, in a process of its own."""
        with scratch() as folder:
            joblib.dump(fitted, folder / "forest.joblib")
            np.save(folder / "rows.npy", self.asked)
            with nvforest.ready(folder / "forest.joblib", folder / "rows.npy") as ask:
                ask(str(ASKED), folder)
                self._require_equal(np.load(folder / "votes.npy"))
                for lot in LOTS[self.size]:
                    rate = partial(lambda lot: lot / ask(str(lot), folder), lot)
                    yield self._compare("score_grid_vs_nvforest", "nvForest", lot, rate)

    def _compare(self, name: Name, other: str, lot: int, rate: Callable[[], float]) -> Measurement:
        figure = Figure(name, "rows/s", True, f"{FEATURES} features, one thread")
        ours = partial(_rate, self.ours, self.asked[:lot], SECONDS[self.size])
        against = f"{other}, {self.shape}, lots of {lot:,}"
        return compare(figure, against, ours, rate, ROUNDS[self.size])

    def _require_equal(self, theirs: Floats) -> None:
        gap = np.abs(self.ours(self.asked).probability - theirs[:, 1]).max()
        assert gap <= PARITY, gap


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
