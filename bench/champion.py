"""A champion of the usual size without a training: its answers mean nothing, its work does."""

from __future__ import annotations

import tempfile
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from lakehouse.domains.cdr.features import feature_names
from lakehouse.domains.settings import Settings
from lakehouse.models import bundle, forest_scorer, onnx_file
from lakehouse.models.calibration import Calibration
from lakehouse.models.forest import LEAF, Forest, from_nodes
from lakehouse.models.forest_model import ForestModel
from lakehouse.models.manifest import FOREST, Costs, Figures, Interval, Manifest
from lakehouse.models.model_kinds import model_kind
from lakehouse.registry import Registry

TREES, DEPTH = 100, 10
CUTS = np.linspace(1, 200, 31)


def crown(registry: Registry, settings: Settings, score_from: date) -> None:
    """Register and promote a forest of a hundred full trees over all features."""
    features = feature_names(settings.cdr.feature_windows)
    crown_with(
        registry,
        ForestModel(features, _forest(len(features)), Calibration(1.0, 0.0), 0.5),
        score_from,
    )


def crown_with(registry: Registry, model: ForestModel, score_from: date) -> None:
    """Register and promote this forest."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / model_kind(FOREST).file).write_bytes(onnx_file.encode(model))
        (folder / bundle.CARD).write_text("# A forest of random questions\n", encoding="utf-8")
        pl.DataFrame({"User": ["0"], "Date": [score_from]}).write_parquet(folder / bundle.REFERENCE)
        sealed = bundle.finalize(folder, _manifest(model, score_from))
        registry.promote(registry.register(folder, sealed).number, "for a measurement")


def _forest(features: int) -> Forest:
    rng = np.random.default_rng(1)
    inner, nodes = 2**DEPTH - 1, 2 ** (DEPTH + 1) - 1
    place = np.arange(nodes)
    left = np.where(place < inner, 2 * place + 1, LEAF)
    tree = np.stack([left, np.where(left == LEAF, LEAF, left + 1)], axis=1)
    start = np.repeat(np.arange(TREES) * nodes, nodes)
    children = np.tile(tree, (TREES, 1))
    children = np.where(children == LEAF, LEAF, children + start[:, None])
    count = nodes * TREES
    return from_nodes(
        np.arange(TREES) * nodes,
        rng.integers(0, features, count),
        rng.choice(CUTS, count),
        children,
        rng.random(count),
    )


def _manifest(model: ForestModel, score_from: date) -> Manifest:
    before = score_from - timedelta(days=1)
    return Manifest(
        features=model.features,
        feature_hash=bundle.feature_hash(model.features),
        details=forest_scorer.details(model),
        contract_version=1,
        threshold=model.threshold,
        costs=Costs(100.0, 10.0),
        params={},
        folds="none",
        train_start=before,
        train_end=before,
        test_start=before,
        test_end=before,
        score_from=score_from,
        train_rows=1,
        train_positives=1,
        delta_versions={},
        git_commit="unknown",
        figures=_figures(),
        files={},
    )


def _figures() -> Figures:
    none = Interval(0.5, 0.5, 0.5)
    return Figures(rows=1, entities=1, positives=1, metrics={"roc_auc": none, "pr_auc": none})
