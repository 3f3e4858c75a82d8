"""The forest that all of them serve: trained once, kept in the forms that each of them reads."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import joblib
import mlflow
import msgspec
import pandas as pd
import polars as pl
from sklearn.ensemble import RandomForestClassifier

from bench import forest_data
from bench.opponents.serving import served
from lakehouse.models import bundle, forest_scorer, onnx_file
from lakehouse.models.calibration import Calibration
from lakehouse.models.forest_model import ForestModel
from lakehouse.models.manifest import Costs, Figures, Manifest


def make(folder: Path) -> list[dict[str, float]]:
    """Write the forest into `folder`; returns a hundred records to ask about."""
    taught = forest_data.draw(5_000, served.FEATURES, seed=1)
    fitted = RandomForestClassifier(served.TREES, max_depth=served.DEPTH, random_state=1)
    fitted.fit(taught.rows, taught.label)
    joblib.dump(fitted, folder / served.FITTED)
    asked = forest_data.draw(100, served.FEATURES, seed=2)
    records = asked.frame.drop("label", "weight").to_dicts()
    _save_for_mlflow(fitted, folder / served.MLFLOW, records)
    forest = forest_data.from_sklearn(fitted)
    # Log-odds and back: the probability is the mean vote, as scikit-learn gives it.
    model = ForestModel(taught.names, forest, Calibration(1.0, 0.0), served.THRESHOLD)
    (folder / served.ONNX).write_bytes(onnx_file.encode(model))
    _seal(folder, model, taught.frame)
    return records


def _save_for_mlflow(fitted: Any, place: Path, records: list[dict[str, float]]) -> None:
    """With the types of the columns, which its server then checks."""
    rows = pd.DataFrame(records)
    signature = mlflow.models.infer_signature(rows, fitted.predict_proba(rows.to_numpy()))
    mlflow.sklearn.save_model(
        fitted, str(place), pyfunc_predict_fn="predict_proba", signature=signature,
        pip_requirements=[], serialization_format="cloudpickle",
    )  # fmt: skip


def _seal(folder: Path, model: ForestModel, rows: pl.DataFrame) -> None:
    place = folder / served.BUNDLE
    place.mkdir()
    (place / served.ONNX).write_bytes(onnx_file.encode(model))
    (place / bundle.CARD).write_text("# The forest of the benchmark")
    rows.head(100).write_parquet(place / bundle.REFERENCE)
    sha256 = bundle.finalize(place, _manifest(model))
    (folder / served.MANIFEST_HASH).write_text(sha256)


def _manifest(model: ForestModel) -> Manifest:
    day = date(2026, 1, 1)
    values: dict[str, Any] = {
        "details": forest_scorer.details(model), "features": model.features,
        "feature_hash": bundle.feature_hash(model.features), "contract_version": 1,
        "threshold": model.threshold, "costs": Costs(1.0, 1.0), "params": {}, "folds": "none",
        **dict.fromkeys(("train_start", "train_end", "test_start", "test_end", "score_from"), day),
        "train_rows": 1, "train_positives": 1, "delta_versions": {}, "git_commit": "unknown",
        "figures": Figures(rows=1, entities=1, positives=1, metrics={}), "files": {},
    }  # fmt: skip
    return msgspec.convert(values, Manifest)
