"""A small model as a sealed folder, for the tests that need one and no training."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from lakehouse.models import bundle, forest_scorer, onnx_file
from lakehouse.models.calibration import Calibration
from lakehouse.models.forest import LEAF, from_nodes
from lakehouse.models.forest_model import ForestModel
from lakehouse.models.manifest import FOREST, Costs, Figures, Interval, Manifest
from lakehouse.models.model_kinds import model_kind
from lakehouse.registry.mlflow_store import MlflowStore

FEATURES = ("days_silent", "calls")
MakeBundle = Callable[..., tuple[Path, str]]


def small_model(threshold: float = 0.25, silent_vote: float = 0.9) -> ForestModel:
    """One tree: silent for more than two days votes for churn."""
    children = np.array([[1, 2], [LEAF, LEAF], [LEAF, LEAF]])
    forest = from_nodes(
        np.array([0]), np.zeros(3, int), np.array([2.0, 0, 0]), children,
        np.array([0.3, 0.1, silent_vote]),
    )  # fmt: skip
    return ForestModel(FEATURES, forest, Calibration(1.0, 0.0), threshold)


def figures(roc_auc: float = 0.8, calibration_error: float = 0.01) -> Figures:
    spread = Interval(roc_auc, roc_auc - 0.02, roc_auc + 0.02)
    return Figures(
        rows=2, entities=2, positives=1,
        metrics={"base_rate": 0.5, "roc_auc": spread, "pr_auc": spread, "f1": 0.5, "accuracy": 0.5,
                 "brier": 0.1, "calibration_error": calibration_error, "precision_top_decile": 0.5,
                 "lift_top_decile": 1.0, "cost_per_day": 10.0},
        baselines={"one_rule": {"roc_auc": spread, "pr_auc": spread}},
        importance={"days_silent": 0.1, "calls": 0.0},
    )  # fmt: skip


def manifest(model: ForestModel, judged: Figures, score_from: date) -> Manifest:
    return Manifest(
        features=model.features, feature_hash=bundle.feature_hash(model.features),
        details=forest_scorer.details(model), recipe={"label_horizon_days": 30},
        contract_version=1, threshold=model.threshold, costs=Costs(100.0, 10.0),
        params={"trees": "1"}, folds="1 in time", train_start=date(2026, 1, 1),
        train_end=date(2026, 2, 1), test_start=date(2026, 3, 4), test_end=date(2026, 3, 5),
        score_from=score_from, train_rows=10, train_positives=2,
        delta_versions={"gold.cdr_features": 3}, git_commit="unknown", figures=judged, files={},
    )  # fmt: skip


REFERENCE = pl.DataFrame(
    {
        "User": ["49170000001", "49170000002"],
        "Date": [date(2026, 3, 4), date(2026, 3, 5)],
        "days_silent": [0.0, 5.0],
        "calls": [3.0, 0.0],
        "label": [0, 1],
        "prediction": [0, 1],
        "probability_1": [0.1, 0.9],
    }
)


@pytest.fixture
def make_figures() -> Callable[..., Figures]:
    """Make figures with some ROC-AUC and calibration error."""
    return figures


@pytest.fixture
def make_bundle(tmp_path: Path) -> MakeBundle:
    """Make a sealed folder; gives the folder and the SHA-256 of its manifest."""
    made = 0

    def make(
        model: ForestModel | None = None,
        judged: Figures | None = None,
        score_from: date = date(2026, 3, 6),
        reference: pl.DataFrame = REFERENCE,
    ) -> tuple[Path, str]:
        nonlocal made
        made += 1
        folder = tmp_path / f"bundle-{made}"
        folder.mkdir()
        model = model or small_model()
        (folder / model_kind(FOREST).file).write_bytes(onnx_file.encode(model))
        reference.write_parquet(folder / bundle.REFERENCE)
        (folder / bundle.CARD).write_text("# card")
        return folder, bundle.finalize(folder, manifest(model, judged or figures(), score_from))

    return make


@pytest.fixture
def sealed_bundle(make_bundle: MakeBundle) -> tuple[Path, str]:
    """One sealed folder."""
    return make_bundle()


def mlflow_store(
    database: Path, artifacts: Path, model: str = "first", runs: str = "runs"
) -> MlflowStore:
    """The store of one model in a database."""
    return MlflowStore(f"sqlite:///{database}", artifacts, model, runs)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow takes seconds to create its tables; every test copies this file."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    mlflow_store(path, path.parent)._client.search_registered_models()
    return path
