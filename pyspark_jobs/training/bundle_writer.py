"""A trained model as a finalized folder: model file, reference rows, card and plots."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from lakehouse.models import bundle, card, plots
from lakehouse.models.manifest import Manifest
from lakehouse.models.model_kinds import model_kind
from lakehouse.models.scoring import Scores
from pyspark_jobs.training.sample import LabelledRows


@dataclass(frozen=True)
class TrainedModel:
    """A model with its documentation: the bytes of its file, and its intended use and limits."""

    file: bytes
    manifest: Manifest
    purpose: str


def write_bundle(folder: Path, model: TrainedModel, test: LabelledRows, scores: Scores) -> str:
    """Write and finalize all files of a model; returns the SHA-256 of the manifest."""
    manifest, words = model.manifest, test.scored.words
    (folder / model_kind(manifest.kind).file).write_bytes(model.file)
    reference(test, scores).write_parquet(folder / bundle.REFERENCE)
    plots.draw(folder, test.label, scores.probability, manifest.figures, words)
    (folder / bundle.CARD).write_text(card.write(manifest, words, model.purpose), encoding="utf-8")
    return bundle.finalize(folder, manifest)


def reference(test: LabelledRows, scores: Scores) -> pl.DataFrame:
    """The test window scored out of sample: monitoring's reference for later days."""
    scored = test.scored
    rows = test.frame.select(scored.entity, scored.time, *test.features, "label")
    return rows.rename({"label": scored.label}).with_columns(
        pl.Series(scored.prediction, scores.prediction),
        pl.Series(scored.score, scores.probability),
    )
