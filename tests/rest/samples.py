"""A small model of each kind, as a sealed folder: what the tests of serving register.

A kind that joins `MODEL_KINDS` gets its maker here, which gives a model file, the kind's part of
the manifest, and the threshold.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl

from lakehouse.models import (
    bundle,
    forest_scorer,
    half_space_model,
    hazard,
    kmeans,
    linear,
    onnx_file,
)
from lakehouse.models.calibration import Calibration
from lakehouse.models.forest import LEAF, from_nodes
from lakehouse.models.forest_model import ForestModel
from lakehouse.models.half_space_trees import HalfSpaceTrees, TreeShape
from lakehouse.models.manifest import FOREST, Costs, Figures, Manifest, Metrics
from lakehouse.models.model_kinds import HALF_SPACE, HAZARD, KMEANS, LINEAR, model_kind

FEATURES = ("calls", "days silent", "amount.sum")
THRESHOLD = 0.4
METRICS: Metrics = {"pr_auc": 0.8, "roc_auc": 0.95}
Made = tuple[bytes, dict[str, Any], float]


def forest(seed: int) -> Made:
    """Nine trees of depth two over random thresholds."""
    random = np.random.default_rng(seed)
    trees, nodes = 9, 7
    feature = random.integers(0, len(FEATURES), trees * nodes)
    threshold = random.normal(0, 3, trees * nodes)
    shape = [[1, 2], [3, 4], [5, 6], *[[LEAF, LEAF]] * 4]
    children = np.array([
        [LEAF, LEAF] if one[0] == LEAF else [part + tree * nodes for part in one]
        for tree in range(trees) for one in shape
    ])  # fmt: skip
    made = from_nodes(
        np.arange(trees) * nodes, feature, threshold, children, random.random(trees * nodes)
    )
    model = ForestModel(FEATURES, made, Calibration(1.3, -0.2), THRESHOLD)
    return onnx_file.encode(model), forest_scorer.details(model), THRESHOLD


def logistic(seed: int, features: tuple[str, ...] = FEATURES) -> Made:
    """Random coefficients."""
    random = np.random.default_rng(seed)
    width = len(features)
    model = linear.LinearModel(
        features=features,
        coefficients=tuple(random.normal(size=width).tolist()),
        intercept=float(random.normal()),
        mean=tuple(random.normal(size=width).tolist()),
        scale=tuple((0.5 + random.random(width)).tolist()),
        threshold=THRESHOLD,
    )
    return linear.encode(model), {}, THRESHOLD


def clustering(seed: int) -> Made:
    """Three random centroids."""
    random = np.random.default_rng(seed)
    shape = (3, len(FEATURES))
    model = kmeans.KMeansModel(
        features=FEATURES,
        mean=tuple(random.normal(size=shape[1]).tolist()),
        scale=tuple((0.5 + random.random(shape[1])).tolist()),
        centroids=tuple(tuple(one) for one in random.normal(size=shape).tolist()),
        names=("few", "some", "many"),
    )
    return kmeans.encode(model), {}, kmeans.KMeansScorer.threshold


def waiting(seed: int) -> Made:
    """A hazard that falls with the days waited, other than at weekends."""
    made = {
        "features": FEATURES, "horizon": "calls", "waited": "days silent",
        "first_day": "amount.sum", "intercept": -2.0 - seed / 10, "level": 0.1, "slope": -0.05,
        "longest": 30, "threshold": THRESHOLD, "low": -0.2, "high": 0.3,
        "terms": [
            {"factors": [{"of": "@waited", "knot": 1.0}], "coefficient": -0.4},
            {"factors": [{"of": "@weekday", "least": 5}], "coefficient": -1.5},
        ],
    }  # fmt: skip
    return hazard.encode(msgspec.convert(made, hazard.HazardModel)), {}, THRESHOLD


def half_space(seed: int) -> Made:
    """Trees that have seen a few hundred random rows."""
    rows = np.random.default_rng(seed).normal(size=(500, len(FEATURES)))
    empty = HalfSpaceTrees.grow(FEATURES, TreeShape(7, 4, 60), seed)
    trees = empty.score_and_learn(rows)[1]
    model = half_space_model.frozen(trees, half_space_model.Curve(8.0, -6.0, THRESHOLD))
    return half_space_model.encode(model), {}, THRESHOLD


MAKERS: dict[str, Callable[[int], Made]] = {
    FOREST: forest,
    LINEAR: logistic,
    KMEANS: clustering,
    HAZARD: waiting,
    HALF_SPACE: half_space,
}


def seal(folder: Path, kind: str = FOREST, seed: int = 0) -> tuple[Path, str]:
    """A model of that kind in `folder`, and the SHA-256 of its manifest; each seed is another."""
    return _sealed(folder, kind, MAKERS[kind](seed), FEATURES)


def seal_logistic(folder: Path, seed: int, features: tuple[str, ...]) -> tuple[Path, str]:
    """A logistic regression on other features, sealed as by `seal`."""
    return _sealed(folder, LINEAR, logistic(seed, features), features)


def _sealed(folder: Path, kind: str, made: Made, features: tuple[str, ...]) -> tuple[Path, str]:
    data, details, threshold = made
    folder.mkdir(parents=True)
    (folder / model_kind(kind).file).write_bytes(data)
    (folder / bundle.CARD).write_text("# A model of the tests")
    random = np.random.default_rng(1)
    rows = {name: random.normal(0, 3, 20) for name in features}
    pl.DataFrame(rows).write_parquet(folder / bundle.REFERENCE)
    return folder, bundle.finalize(folder, _manifest(kind, details, threshold, features))


def records(count: int, seed: int = 0) -> list[dict[str, float]]:
    """Random records."""
    random = np.random.default_rng(seed)
    return [
        dict(zip(FEATURES, random.normal(0, 3, len(FEATURES)).tolist(), strict=True))
        for _ in range(count)
    ]


def _manifest(
    kind: str, details: dict[str, Any], threshold: float, features: tuple[str, ...]
) -> Manifest:
    made: Manifest = msgspec.convert(
        {
            "kind": kind, "details": details, "features": features,
            "feature_hash": bundle.feature_hash(features), "contract_version": 1,
            "threshold": threshold, "costs": Costs(100.0, 10.0), "params": {}, "folds": "none",
            **dict.fromkeys(("train_start", "train_end", "test_start", "test_end"),
                            date(2026, 1, 1)),
            "score_from": date(2026, 1, 2), "train_rows": 10, "train_positives": 2,
            "delta_versions": {}, "git_commit": "unknown",
            "figures": Figures(rows=1, entities=1, positives=1, metrics=METRICS), "files": {},
        },
        Manifest,
    )  # fmt: skip
    return made
