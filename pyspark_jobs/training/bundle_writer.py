"""A trained model as a finalized folder: model file, reference rows, card and plots."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from lakehouse.models import bundle, card, onnx_file, plots
from lakehouse.models.manifest import Manifest
from lakehouse.models.onnx_file import ForestModel
from lakehouse.models.scoring import Scores
from pyspark_jobs.training.sample import LabelledRows


def write_bundle(
    folder: Path, model: ForestModel, manifest: Manifest, test: LabelledRows, scores: Scores
) -> str:
    """Write all files of a model and finalize them; the SHA-256 of the manifest."""
    (folder / bundle.MODEL).write_bytes(onnx_file.encode(model))
    reference(test, scores).write_parquet(folder / bundle.REFERENCE)
    plots.draw(folder, test.label, scores.probability, manifest.figures)
    (folder / bundle.CARD).write_text(card.write(manifest), encoding="utf-8")
    return bundle.finalize(folder, manifest)


def reference(test: LabelledRows, scores: Scores) -> pl.DataFrame:
    """The test window scored out of sample: what monitoring holds later days against."""
    return test.frame.select("User", "Date", *test.features, "label").with_columns(
        prediction=scores.prediction, probability_1=scores.probability
    )
