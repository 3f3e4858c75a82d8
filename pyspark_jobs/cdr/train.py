"""Training, from the tables of the lake to an evaluated version in the registry."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import polars as pl
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f

from lakehouse import store
from lakehouse.clock import Clock
from lakehouse.domains.cdr import names
from lakehouse.domains.cdr.domain import CHURN, CHURN_OUTCOMES
from lakehouse.domains.cdr.features import feature_list, feature_names, lookback_days
from lakehouse.domains.settings import Settings
from lakehouse.errors import ModelError
from lakehouse.models import forest_scorer, onnx_file
from lakehouse.models.forest import Floats
from lakehouse.models.forest_model import ForestModel
from lakehouse.models.forest_scorer import ForestScorer
from lakehouse.models.manifest import Figures
from lakehouse.models.scoring import Scores
from lakehouse.names import table_uri
from lakehouse.registry import ModelVersion, Registry
from lakehouse.registry.gates import Gates, Verdict
from pyspark_jobs.cdr import papers
from pyspark_jobs.engine import readers
from pyspark_jobs.training import labels, logistic, sample
from pyspark_jobs.training.bins import find_cuts
from pyspark_jobs.training.bundle_writer import TrainedModel, write_bundle
from pyspark_jobs.training.evaluate import Evaluation, evaluate
from pyspark_jobs.training.forests import Grower
from pyspark_jobs.training.kept_folds import KeptFolds
from pyspark_jobs.training.sample import ClassCounts, LabelledRows
from pyspark_jobs.training.search import Choice, Sample, search
from pyspark_jobs.training.split import Days, Fold, Split, SplitRule, split
from pyspark_jobs.training.train_rows import collect, some_rows

ProgressCallback = Callable[[str], None]
_TABLES = (names.GOLD_FEATURES, names.BRONZE_OUTCOMES)
# As many train rows as place the thresholds, and as teach the logistic regression.
_RAW_ROWS = 50_000


@dataclass(frozen=True)
class TrainingResult:
    """The result of a training: the registered version and whether it became champion."""

    version: ModelVersion
    verdict: Verdict
    figures: Figures


def train(
    spark: SparkSession, settings: Settings, registry: Registry, clock: Clock, say: ProgressCallback
) -> TrainingResult:
    """Train, evaluate and register a forest on all outcomes known so far; `say` is told each step.

    Raises `ModelError` when there are too few days, rows or churners, or one class only.
    """
    versions = _versions(settings)
    say("reading features and outcomes")
    basis = {"tables": versions, "model": settings.model, "cdr": settings.cdr}
    kept = KeptFolds(settings.state, basis)
    data, raw = _gather(spark, settings, versions, kept)
    with data.grower:
        choice = search(data, settings.model, clock, say)
        say(f"fitting {choice.shape.trees} trees of depth {choice.shape.depth} on all train days")
        model, scores, figures = _final(data, raw, choice, settings)
        say(f"ROC-AUC {figures.interval('roc_auc')}; registering")
        manifest = papers.manifest(data, choice, figures, settings, versions)
        manifest = msgspec.structs.replace(manifest, details=forest_scorer.details(model))
        trained = TrainedModel(onnx_file.encode(model), manifest, papers.purpose(settings))
        with tempfile.TemporaryDirectory() as folder:
            test = data.evaluation_rows.of(data.split.test)
            finalized = write_bundle(Path(folder), trained, test, scores)
            version = registry.register(Path(folder), finalized)
        kept.clear()
    verdict = Gates(registry, CHURN, settings.model).promote(version.number)
    say(f"version {version.number}: {'promoted' if verdict.promoted else 'not promoted'}")
    return TrainingResult(registry.version(version.number), verdict, figures)


def _versions(settings: Settings) -> dict[str, int]:
    """Current versions of the tables, with which the training set can be read again."""
    uris = {name: table_uri(settings.lake_uri, name) for name in _TABLES}
    found = {name: store.version(uri, settings.lake_options) for name, uri in uris.items()}
    for name, version in found.items():
        if version is None:
            raise ModelError("training", f"the table {name}", "none", "load history first")
    return {name: version for name, version in found.items() if version is not None}


def _gather(
    spark: SparkSession, settings: Settings, versions: dict[str, int], kept: KeptFolds
) -> tuple[Sample, LabelledRows]:
    """Count, split, and take the days that are needed, sampled to `max_rows` by subscriber.

    Also returned are some of the train rows with the values of their features.
    """
    wanted = settings.model
    features = feature_names(settings.cdr.feature_windows)
    gold, outcomes = (
        readers.read_table(spark, table_uri(settings.lake_uri, name), versions[name])
        for name in _TABLES
    )
    known = labels.latest_outcomes(outcomes, CHURN_OUTCOMES, CHURN)
    known = labels.with_group(known, wanted.folds, CHURN)
    class_counts = sample.class_counts(known, CHURN)
    parts = _split(class_counts, settings)
    sample.require_enough(class_counts, parts, wanted, CHURN.words)
    evaluation_days = sample.evaluation_days(parts)
    share = class_counts.share_for(wanted.max_rows, evaluation_days)
    known = labels.filter_share_of_entities(known, share, CHURN)
    is_train = sample.is_train_row(parts.train, wanted.sample_every_days, CHURN)
    is_evaluation = f.col("Date").isin(evaluation_days)
    needed = known.where(is_train | is_evaluation)
    rows = gold.join(needed, ["User", "Date"]).select("User", "Date", "group", "label", *features)
    rows = rows.persist()
    try:
        evaluation_rows = _on_the_driver(rows.where(is_evaluation), features)
        train_rows = rows.where(is_train)
        raw = _on_the_driver(some_rows(train_rows, _RAW_ROWS, CHURN), features)
        found = collect(train_rows, features, find_cuts(raw.rows), CHURN)
    finally:
        rows.unpersist()
    grower = Grower(spark, found)
    return Sample(grower, evaluation_rows, found.class_counts(), parts, kept), raw


def _on_the_driver(rows: DataFrame, features: tuple[str, ...]) -> LabelledRows:
    return LabelledRows(pl.DataFrame(rows.toArrow()).sort("Date", "User"), features, CHURN)


def _split(class_counts: ClassCounts, settings: Settings) -> Split:
    if class_counts.counts.is_empty():
        raise ModelError("training", "outcomes of scored dates", "none", "wait until labels mature")
    first, last = class_counts.counts.select(first=pl.min("day"), last=pl.max("day")).row(0)
    rule = SplitRule(
        test=settings.model.test_days,
        embargo=settings.cdr.label_horizon_days,
        warm_up=lookback_days(settings.cdr.feature_windows),
        folds=settings.model.folds,
    )
    return split(Days(first, last), rule)


def _final(
    data: Sample, raw: LabelledRows, choice: Choice, settings: Settings
) -> tuple[ForestModel, Scores, Figures]:
    """Fit the chosen forest on all train days, and evaluate it on the test days."""
    everything = Fold(data.split.train, data.split.test)
    forest = data.grower.grow(choice.shape, everything, settings.model.seed)
    test = data.evaluation_rows.of(data.split.test)
    model = ForestModel(test.features, forest, choice.calibration, choice.threshold)
    scorer = ForestScorer(model)
    scores = scorer.score(test.rows)
    others = {
        "one_rule": _one_rule(test, settings),
        "logistic_regression": logistic.log_odds(raw, test),
    }
    evaluation = Evaluation(test, others, settings.model.seed)
    return model, scores, evaluate(scorer, scores, evaluation, papers.costs(settings))


def _one_rule(test: LabelledRows, settings: Settings) -> Floats:
    """The baseline that needs no model: days since the last activity."""
    features = feature_list(settings.cdr.feature_windows)
    rule = next(one.name for one in features if one.family == "silent_days")
    return test.rows[:, test.features.index(rule)]
