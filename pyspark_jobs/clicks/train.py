"""Training of the bot detector: windows of a made-up shop to a judged version in the registry."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from pyspark.sql import SparkSession

from lakehouse import metrics
from lakehouse.domains.clicks.contracts import FEATURES, VIEWS
from lakehouse.domains.clicks.domain import BOTS
from lakehouse.domains.clicks.oracle import Oracle
from lakehouse.domains.settings import Settings
from lakehouse.errors import ModelError
from lakehouse.models import calibration, kernel, onnx_file
from lakehouse.models.forest import Floats, Forest
from lakehouse.models.forest_model import ForestModel
from lakehouse.models.forest_scorer import ForestScorer
from lakehouse.models.manifest import Figures
from lakehouse.models.scoring import Scores
from lakehouse.registry import ModelVersion, Registry
from lakehouse.registry.gates import Gates, Verdict
from pyspark_jobs.clicks import lessons as lessons_of
from pyspark_jobs.clicks import papers
from pyspark_jobs.clicks.lessons import Lessons
from pyspark_jobs.training.bundle_writer import TrainedModel, write_bundle
from pyspark_jobs.training.evaluate import Evaluation, evaluate
from pyspark_jobs.training.forests import Grower, Shape
from pyspark_jobs.training.sample import LabelledRows
from pyspark_jobs.training.train_rows import from_arrays

Say = Callable[[str], None]
SHAPE = Shape(trees=60, depth=8, features_per_split="sqrt", min_instances=10)
# Which share of the users the forest is fitted to, and its probabilities; the others test it.
FIT, CALIBRATE = 0.6, 0.2
ORACLE = "oracle"


@dataclass(frozen=True)
class TrainingResult:
    """The registered version, and whether it became champion."""

    version: ModelVersion
    verdict: Verdict
    figures: Figures


@dataclass(frozen=True)
class Parts:
    """Windows by what they are for; each user is in one part only."""

    fit: LabelledRows
    calibrate: LabelledRows
    test: LabelledRows


def train(
    spark: SparkSession, settings: Settings, registry: Registry, lessons: Lessons, say: Say
) -> TrainingResult:
    """Train, evaluate and register a forest; `say` is told each step.

    Raises `ModelError` when a part has too few windows of bots.
    """
    say(
        f"{lessons.users:,} visitors of {lessons.minutes:g} minutes, counted by the SQL that serves"
    )
    parts = split(lessons_of.windows(spark, lessons), settings)
    say(f"growing {SHAPE.trees} trees on {len(parts.fit.label):,} windows")
    model = _fitted(spark, parts, settings)
    scorer = ForestScorer(model)
    scores = scorer.score(parts.test.rows)
    figures = _figures(scorer, scores, parts.test, lessons, settings)
    say(f"ROC-AUC {figures.interval('roc_auc')}, {_attainable(figures)} attainable; registering")
    described = papers.manifest(model, SHAPE, parts.fit, figures, lessons, settings)
    trained = TrainedModel(onnx_file.encode(model), described, papers.PURPOSE)
    with tempfile.TemporaryDirectory() as folder:
        sealed = write_bundle(Path(folder), trained, parts.test, scores)
        version = registry.register(Path(folder), sealed)
    verdict = Gates(registry, BOTS, settings.model).promote(version.number)
    said = "promoted" if verdict.promoted else "not promoted"
    say(f"version {version.number}: {said}, {verdict.reason}")
    return TrainingResult(registry.version(version.number), verdict, figures)


def split(rows: pl.DataFrame, settings: Settings) -> Parts:
    """The windows by their users, with bots and people in each part.

    Raises `ModelError` when a part has too few windows of bots.
    """
    place = pl.col(BOTS.entity).hash(settings.model.seed).rank("ordinal").over("label")
    users = rows.select(BOTS.entity, "label").unique().sort(BOTS.entity)
    users = users.with_columns(part=(place - 1) / pl.len().over("label"))
    placed = rows.join(users.select(BOTS.entity, "part"), on=BOTS.entity, maintain_order="left")
    edges = {"fit": (0.0, FIT), "calibrate": (FIT, FIT + CALIBRATE), "test": (FIT + CALIBRATE, 1.0)}
    parts = {
        name: LabelledRows(placed.filter(pl.col("part").is_between(*edge, "left")), FEATURES, BOTS)
        for name, edge in edges.items()
    }
    for name, part in parts.items():
        bots = int(part.label.sum())
        if bots < settings.model.min_positives or bots == len(part.label):
            raise ModelError(
                f"training, users to {name}",
                f"at least {settings.model.min_positives} windows of bots, and some of people",
                f"{bots} of bots among {len(part.label):,}",
                "train with more users or a larger share of bots",
            )
    return Parts(**parts)


def _fitted(spark: SparkSession, parts: Parts, settings: Settings) -> ForestModel:
    rows, everything = from_arrays(parts.fit.rows, parts.fit.label)
    with Grower(spark, rows) as grower:
        forest = grower.grow(SHAPE, everything, settings.model.seed)
    votes = _votes(forest, parts.calibrate)
    curve = calibration.fit(votes, parts.calibrate.label)
    costs = papers.costs(settings)
    threshold = metrics.cheapest_threshold(curve.apply(votes), parts.calibrate.label, costs)
    return ForestModel(FEATURES, forest, curve, threshold)


def _votes(forest: Forest, part: LabelledRows) -> Floats:
    packed = kernel.pack(forest, len(FEATURES))
    return kernel.votes(packed, np.ascontiguousarray(part.rows)) / forest.trees


def _figures(
    scorer: ForestScorer, scores: Scores, test: LabelledRows, lessons: Lessons, settings: Settings
) -> Figures:
    columns = {name: test.frame[name].to_numpy() for name in (*VIEWS, "nb_orders")}
    oracle = Oracle(lessons.bot_share, lessons.length)
    others = {
        "one_rule": np.stack([columns[name] for name in VIEWS]).sum(axis=0),
        ORACLE: oracle.odds(columns, test.frame["platform"].to_list()),
    }
    evaluation = Evaluation(test, others, settings.model.seed)
    return evaluate(scorer, scores, evaluation, papers.costs(settings))


def _attainable(figures: Figures) -> str:
    found = figures.baselines[ORACLE]["roc_auc"]
    return f"{found if isinstance(found, float) else found.value:.3f}"
