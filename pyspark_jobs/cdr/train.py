"""Training, from the tables of the lake to a evaluation_rows version in the registry."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import polars as pl
from pyspark.sql import SparkSession
from pyspark.sql import functions as f

from lakehouse import store
from lakehouse.clock import Clock
from lakehouse.contracts import CONTRACT_VERSION
from lakehouse.domains.cdr import names
from lakehouse.domains.cdr.features import feature_names, lookback_days
from lakehouse.domains.settings import Settings
from lakehouse.errors import ModelError
from lakehouse.models.bundle import feature_hash
from lakehouse.models.manifest import Costs, Figures, Manifest
from lakehouse.models.onnx_file import ForestModel
from lakehouse.models.scoring import Scorer, Scores
from lakehouse.names import table_uri
from lakehouse.registry import ModelVersion, Registry, gates
from lakehouse.registry.gates import Verdict
from lakehouse.settings import ROOT
from pyspark_jobs.engine import readers
from pyspark_jobs.training import bundle_writer, forests, labels, sample
from pyspark_jobs.training.evaluate import Evaluation, evaluate, one_rule
from pyspark_jobs.training.kept_folds import KeptFolds
from pyspark_jobs.training.sample import ClassCounts, LabelledRows
from pyspark_jobs.training.search import Choice, Sample, fit, search
from pyspark_jobs.training.split import Days, Fold, Split, SplitRule, split

ProgressCallback = Callable[[str], None]
_TABLES = (names.GOLD_FEATURES, names.BRONZE_OUTCOMES)
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class TrainingResult:
    """What a training ends with: the registered version and whether it became champion."""

    version: ModelVersion
    verdict: Verdict
    figures: Figures


def train(
    spark: SparkSession, settings: Settings, registry: Registry, clock: Clock, say: ProgressCallback
) -> TrainingResult:
    """Train, judge and register a forest on all outcomes known so far; `say` hears each step.

    Raises `ModelError` when there are too few days, rows or churners, or one class only.
    """
    versions = _versions(settings)
    say("reading features and outcomes")
    basis = {"tables": versions, "model": settings.model, "cdr": settings.cdr}
    kept = KeptFolds(settings.state, basis)
    data = replace(_gather(spark, settings, versions), kept=kept)
    try:
        choice = search(data, settings.model, clock, say)
        say(f"fitting {choice.shape.trees} trees of depth {choice.shape.depth} on all train days")
        model, scores, figures = _final(data, choice, settings)
        say(f"ROC-AUC {figures.roc_auc}; registering")
        manifest = _manifest(data, choice, figures, settings, versions)
        with tempfile.TemporaryDirectory() as folder:
            test = data.evaluation_rows.of(data.split.test)
            finalized = bundle_writer.write_bundle(Path(folder), model, manifest, test, scores)
            version = registry.register(Path(folder), finalized)
        kept.clear()
    finally:
        data.rows.unpersist()
    verdict = gates.promote_by_gates(version.number, registry, settings.model)
    say(f"version {version.number}: {'promoted' if verdict.promoted else 'not promoted'}")
    return TrainingResult(registry.version(version.number), verdict, figures)


def _versions(settings: Settings) -> dict[str, int]:
    """Versions of the tables now; the training set can be read again by them."""
    uris = {name: table_uri(settings.lake_uri, name) for name in _TABLES}
    found = {name: store.version(uri, settings.lake_options) for name, uri in uris.items()}
    for name, version in found.items():
        if version is None:
            raise ModelError("training", f"the table {name}", "none", "load history first")
    return {name: version for name, version in found.items() if version is not None}


def _gather(spark: SparkSession, settings: Settings, versions: dict[str, int]) -> Sample:
    """Count, split, and take the days that are needed, thinned to `max_rows` by subscriber."""
    wanted = settings.model
    features = feature_names(settings.cdr.feature_windows)
    gold, outcomes = (
        readers.read_table(spark, table_uri(settings.lake_uri, name), versions[name])
        for name in _TABLES
    )
    known = labels.with_group(labels.latest_outcomes(outcomes), wanted.folds)
    class_counts = sample.class_counts(known)
    parts = _split(class_counts, settings)
    sample.require_enough(class_counts, parts, wanted)
    evaluation_days = sample.evaluation_days(parts)
    share = class_counts.share_for(wanted.max_rows, evaluation_days)
    known = labels.filter_share_of_subscribers(known, share)
    is_train = sample.is_train_row(parts.train, wanted.sample_every_days)
    is_evaluation = f.col("Date").isin(evaluation_days)
    needed = known.where(is_train | is_evaluation)
    rows = gold.join(needed, ["User", "Date"]).select("User", "Date", "group", "label", *features)
    # Hash partitions in a fixed order: the same tables always give the same forest.
    rows = rows.repartition(spark.sparkContext.defaultParallelism, "User")
    rows = rows.sortWithinPartitions("User", "Date").persist()
    train_rows = rows.where(is_train)
    evaluation_rows = pl.DataFrame(rows.where(is_evaluation).toArrow()).sort("Date", "User")
    return Sample(
        rows=rows,
        train_rows=train_rows,
        evaluation_rows=LabelledRows(evaluation_rows, features),
        train_counts=sample.class_counts(train_rows),
        split=parts,
        scratch_uri=f"{settings.lake_uri}/_scratch",
    )


def _split(class_counts: ClassCounts, settings: Settings) -> Split:
    if class_counts.counts.is_empty():
        raise ModelError("training", "outcomes of scored dates", "none", "wait until labels mature")
    first, last = class_counts.counts.select(first=pl.min("Date"), last=pl.max("Date")).row(0)
    rule = SplitRule(
        test=settings.model.test_days,
        embargo=settings.cdr.label_horizon_days,
        warm_up=lookback_days(settings.cdr.feature_windows),
        folds=settings.model.folds,
    )
    return split(Days(first, last), rule)


def _final(data: Sample, choice: Choice, settings: Settings) -> tuple[ForestModel, Scores, Figures]:
    """The forest of the choice on all train days, and how it does on the test days."""
    everything = Fold(data.split.train, data.split.test)
    forest = fit(data, choice.shape, everything, settings.model.seed)
    test = data.evaluation_rows.of(data.split.test)
    model = ForestModel(test.features, forest, choice.calibration, choice.threshold)
    scorer = Scorer(model)
    scores = scorer.score(test.rows)
    stayers, churners = data.train_counts.of(data.split.train)
    weighted = forests.with_class_weight(data.train_rows, stayers, churners)
    coefficients, intercept = forests.fit_logistic(weighted, test.features)
    others = {
        "one_rule": one_rule(test, settings.cdr.feature_windows),
        "logistic_regression": test.rows @ coefficients + intercept,
    }
    evaluation = Evaluation(test, others, settings.model.seed)
    return model, scores, evaluate(scorer, scores, evaluation, _costs(settings))


def _manifest(
    data: Sample, choice: Choice, figures: Figures, settings: Settings, versions: dict[str, int]
) -> Manifest:
    stayers, churners = data.train_counts.of(data.split.train)
    parts, cdr = data.split, settings.cdr
    return Manifest(
        features=data.evaluation_rows.features,
        feature_hash=feature_hash(data.evaluation_rows.features),
        feature_windows=cdr.feature_windows,
        label_horizon_days=cdr.label_horizon_days,
        active_window_days=cdr.active_window_days,
        contract_version=CONTRACT_VERSION,
        threshold=choice.threshold,
        costs=_costs(settings),
        params=_params(choice, settings),
        folds=_folds(parts),
        train_start=parts.train.first,
        train_end=parts.train.last,
        test_start=parts.test.first,
        test_end=parts.test.last,
        score_from=parts.test.last + _DAY,
        train_rows=stayers + churners,
        train_churners=churners,
        delta_versions=versions,
        git_commit=_git_commit(),
        figures=figures,
        files={},
    )


def _params(choice: Choice, settings: Settings) -> dict[str, str]:
    shape, curve = choice.shape, choice.calibration
    tried = ", ".join(
        f"{one.trees}x{one.depth}/{one.features_per_split}/{one.min_instances}: {roc_auc:.4f}"
        for one, roc_auc in choice.tried.items()
    )
    return {
        "trees": str(shape.trees),
        "depth": str(shape.depth),
        "features_per_split": shape.features_per_split,
        "min_instances": str(shape.min_instances),
        "calibration": f"Platt, slope {curve.slope:.4f}, offset {curve.offset:.4f}",
        "sample_every_days": str(settings.model.sample_every_days),
        "seed": str(settings.model.seed),
        "roc_auc_over_folds": tried,
    }


def _folds(parts: Split) -> str:
    if parts.kind == "time":
        spans = ", ".join(str(fold.validate) for fold in parts.folds)
        return f"{len(parts.folds)} in time, judging {spans}"
    return f"{len(parts.folds)} by subscriber: too few days for folds in time"


def _costs(settings: Settings) -> Costs:
    return Costs(settings.model.cost_false_negative, settings.model.cost_false_positive)


def _git_commit() -> str:
    """The commit of the code that trains; `unknown` outside a checkout."""
    command = ["git", "-C", str(ROOT), "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
