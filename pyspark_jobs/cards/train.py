"""Training of the fraud forest: labelled transactions of the lake to a judged version."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f

from lakehouse import metrics, store
from lakehouse.domain import Scored
from lakehouse.domains.cards import features, names
from lakehouse.domains.cards.decision import alert_threshold
from lakehouse.domains.cards.domain import FRAUD
from lakehouse.domains.settings import Settings
from lakehouse.errors import ModelError
from lakehouse.models import calibration, kernel, onnx_file
from lakehouse.models.forest import Floats, Forest
from lakehouse.models.forest_model import ForestModel
from lakehouse.models.forest_scorer import ForestScorer
from lakehouse.models.manifest import Figures
from lakehouse.models.scoring import Scores
from lakehouse.names import table_uri
from lakehouse.registry import ModelVersion, Registry
from lakehouse.registry.gates import Gates, Limit, Verdict
from pyspark_jobs.cards import baseline, papers
from pyspark_jobs.cards.forest import Recipe, grow
from pyspark_jobs.cards.labels import labels, read_validated
from pyspark_jobs.cards.papers import Parts
from pyspark_jobs.engine import readers
from pyspark_jobs.training.bundle_writer import TrainedModel, write_bundle
from pyspark_jobs.training.evaluate import Evaluation, evaluate
from pyspark_jobs.training.sample import LabelledRows

Say = Callable[[str], None]
RANKED_BY = "pr_auc"
TEST_SHARE, CALIBRATE_SHARE = 0.25, 0.2
BUDGETS = {"recall_at_half_percent": 0.005, "recall_at_one_percent": 0.01}


@dataclass(frozen=True)
class TrainingResult:
    """The registered version, and whether it became champion."""

    version: ModelVersion
    verdict: Verdict
    figures: Figures


def train(spark: SparkSession, settings: Settings, registry: Registry, say: Say) -> TrainingResult:
    """Train, evaluate and register a forest on all labelled transactions; `say` is told each step.

    Raises `ModelError` when there are too few rows or frauds.
    """
    say("reading labelled transactions")
    parts = split(_labelled(spark, settings), settings)
    say(f"growing {Recipe.trees} trees on {len(parts.fit.label):,} transactions")
    forest = _grown(spark, parts.fit, settings.model.seed)
    votes = _votes(forest, parts.calibrate)
    curve = calibration.fit(votes, parts.calibrate.label)
    threshold = _threshold(curve.apply(votes), parts.calibrate, settings)
    model = ForestModel(features.NAMES, forest, curve, threshold)
    scorer = ForestScorer(model)
    scores = scorer.score(parts.test.rows)
    figures = _figures(scorer, scores, parts, settings)
    say(f"PR-AUC {figures.interval(RANKED_BY)}; registering")
    described = papers.manifest(model, curve, parts, figures, settings)
    trained = TrainedModel(onnx_file.encode(model), described, papers.PURPOSE)
    with tempfile.TemporaryDirectory() as folder:
        sealed = write_bundle(Path(folder), trained, parts.test, scores)
        version = registry.register(Path(folder), sealed)
    verdict = gate(registry, FRAUD, settings).promote(version.number)
    say(f"version {version.number}: {'promoted' if verdict.promoted else 'not promoted'}")
    return TrainingResult(registry.version(version.number), verdict, figures)


def gate(registry: Registry, scored: Scored, settings: Settings) -> Gates:
    """The gates of the forest: calibrated, and not below logistic regression."""
    limit = Limit("calibration_error", settings.model.max_calibration_error, is_least=False)
    beats = Limit("gain_on_logistic", -0.02, is_least=True)
    return Gates(registry, scored, settings.model, (limit, beats))


def _labelled(spark: SparkSession, settings: Settings) -> pl.DataFrame:
    """Features and labels in the order of time, at most `model.max_rows`, chosen by a hash."""

    def table(name: str) -> DataFrame | None:
        uri = table_uri(settings.lake_uri, name)
        there = store.exists(uri, settings.lake_options)
        return readers.read_table(spark, uri) if there else None

    gold, bronze = table(names.GOLD_FEATURES), table(names.BRONZE_TRANSACTIONS)
    if gold is None or bronze is None:
        raise ModelError("training", "transactions in the lake", "none", "ingest some first")
    validated = read_validated(spark, settings.cards.validated_dir)
    known = labels(bronze, table(names.BRONZE_OUTCOMES), validated)
    rows = gold.join(known, "trans_num")
    rows = rows.select("trans_num", "cc_num", FRAUD.time, "label", "weight", *features.NAMES)
    share = settings.model.max_rows / max(rows.count(), 1)
    if share < 1:
        rows = rows.where(f.abs(f.xxhash64("trans_num")) % 10_000 < int(share * 10_000))
    return pl.DataFrame(rows.toArrow()).sort(FRAUD.time, "trans_num")


def split(rows: pl.DataFrame, settings: Settings) -> Parts:
    """Split rows by time; no transaction is trained on that is later than one it is tested on.

    Raises `ModelError` when a part has too few frauds or rows.
    """
    count = len(rows)
    test = int(count * (1 - TEST_SHARE))
    fit = int(test * (1 - CALIBRATE_SHARE))
    bounds = ((0, fit), (fit, test), (test, count))
    parts = Parts(
        *(
            LabelledRows(rows.slice(first, last - first), features.NAMES, FRAUD)
            for first, last in bounds
        )
    )
    least = settings.model.min_positives
    for name, part in (("train", parts.fit), ("test", parts.test)):
        frauds = int(part.label.sum()) if len(part.frame) else 0
        if frauds < least or len(part.frame) < settings.model.min_rows:
            raise ModelError(
                f"training, {name} rows",
                f"at least {settings.model.min_rows:,} rows and {least} frauds",
                f"{len(part.frame):,} rows and {frauds} frauds",
                "wait for more labelled transactions, or lower the minimum under model",
            )
    return Parts(parts.fit, standing_for_all(parts.calibrate), standing_for_all(parts.test))


def standing_for_all(rows: LabelledRows) -> LabelledRows:
    """Rows that were drawn, each repeated as often as its weight says, so that figures are of all.

    Repetitions share the id of the transaction, by which intervals are resampled.
    """
    times = pl.col("weight").round().clip(1).cast(pl.Int64)
    whole = rows.frame.select(pl.all().repeat_by(times)).explode(rows.frame.columns)
    return LabelledRows(whole, rows.features, rows.scored)


def _grown(spark: SparkSession, rows: LabelledRows, seed: int) -> Forest:
    frauds = max(int(rows.label.sum()), 1)
    weight = np.where(rows.label == 1, (len(rows.label) - frauds) / frauds, 1.0) ** 0.5
    weight *= rows.frame["weight"].to_numpy()
    return grow(spark, rows.rows, rows.label, weight, Recipe(seed=seed))


def _votes(forest: Forest, rows: LabelledRows) -> Floats:
    packed = kernel.pack(forest, len(rows.features))
    return kernel.votes(packed, rows.rows) / forest.trees


def _threshold(probability: Floats, rows: LabelledRows, settings: Settings) -> float:
    """Where a review pays, but not more reviews than there are people for."""
    best = metrics.cheapest_threshold(probability, rows.label, papers.costs(rows, settings))
    moments = rows.frame[FRAUD.time]
    first, last = moments.min(), moments.max()
    hours = 1.0
    if isinstance(first, datetime) and isinstance(last, datetime):
        hours = max((last - first) / timedelta(hours=1), 1.0)
    alerts = int(settings.cards.reviews_per_hour * hours)
    return alert_threshold(probability.tolist(), alerts, best)


def _figures(scorer: ForestScorer, scores: Scores, parts: Parts, settings: Settings) -> Figures:
    test = parts.test
    others = baseline.rankings(parts.fit, test)
    found = evaluate(
        scorer, scores, Evaluation(test, others, settings.model.seed), papers.costs(test, settings)
    )
    frauds, flagged = test.label == 1, scores.prediction == 1
    order = np.argsort(-scores.probability, kind="stable")
    extra = {
        name: float(frauds[order[: max(int(len(order) * share), 1)]].sum() / frauds.sum())
        for name, share in BUDGETS.items()
    }
    extra["recall"] = float((frauds & flagged).sum() / frauds.sum())
    extra["precision"] = float((frauds & flagged).sum() / max(flagged.sum(), 1))
    extra["false_neg_rate"] = 1 - extra["recall"]
    logistic = found.baselines["logistic_regression"][RANKED_BY]
    value = logistic if isinstance(logistic, float) else logistic.value
    extra["gain_on_logistic"] = found.value(RANKED_BY) - value
    return msgspec.structs.replace(found, ranking=RANKED_BY, metrics={**found.metrics, **extra})
