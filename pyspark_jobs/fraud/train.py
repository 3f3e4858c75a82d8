"""Training on joined truth: candidates compete, the best becomes a version, the gates decide.

Rows are split by time, where each part has its share of the frauds, which are few. Training sees
only truth that was known when the test period begins: the delay of the truth is the embargo. The
newest of those rows recalibrate and choose; the rows of the test period, later than all of them,
give the figures and compare the version with the champion.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import numpy as np
import polars as pl
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as f

from lakehouse import metrics
from lakehouse.clock import Clock
from lakehouse.domains.fraud.contracts import FEATURES
from lakehouse.domains.fraud.domain import CARDS
from lakehouse.domains.settings import Settings
from lakehouse.errors import ModelError
from lakehouse.models.forest import Floats
from lakehouse.models.scoring import Scores
from lakehouse.registry import ModelVersion, Registry
from lakehouse.registry.gates import Gates, Limit, Verdict
from pyspark_jobs.fraud import candidates, control, dataset, evaluation, papers
from pyspark_jobs.fraud.candidates import Candidate, Recent, Rows
from pyspark_jobs.fraud.evaluation import Judged
from pyspark_jobs.training.bundle_writer import TrainedModel, write_bundle
from pyspark_jobs.training.sample import LabelledRows

Say = Callable[[str], None]
# Of all frauds, and of those whose truth was known in time.
TEST_SHARE, RECENT_SHARE = 0.25, 1 / 3
_KEPT = ("message_id", "account_number", "ingest_ts", "Class", "known_at", *FEATURES)


@dataclass(frozen=True)
class Trained:
    """The result of a training: the version, whether it became champion, and its training set."""

    version: ModelVersion
    verdict: Verdict
    dataset_version: int


@dataclass(frozen=True)
class Parts:
    """The rows of a training, in order of time; `weight` is what a row stands for."""

    fit: pl.DataFrame
    recent: pl.DataFrame
    test: pl.DataFrame
    weight_of_honest: float
    dataset_version: int
    delta_version: int

    def weight(self, rows: pl.DataFrame) -> Floats:
        """What each row stands for in the true mixture."""
        is_fraud = rows["Class"].to_numpy() == 1
        return np.where(is_fraud, 1.0, self.weight_of_honest)


def train(
    spark: SparkSession, settings: Settings, registry: Registry, clock: Clock, say: Say
) -> Trained:
    """Build the next training set, train, register, judge and announce a version.

    Raises `ModelError` when a part has too few frauds.
    """
    built = dataset.build(spark, settings, clock)
    number = dataset.latest(settings)
    say(f"training set {number}" + ("" if built else ", nothing was joined since"))
    parts = _parts(spark, settings, number)
    found = _compete(spark, parts, settings, say)
    chosen, trained, test, scores = _judged(parts, found, settings)
    with tempfile.TemporaryDirectory() as folder:
        version = registry.register(Path(folder), write_bundle(Path(folder), trained, test, scores))
    limits = (
        Limit("roc_auc", settings.model.min_roc_auc, is_least=True),
        Limit("calibration_error", settings.model.max_calibration_error, is_least=False),
    )
    verdict = Gates(registry, CARDS, settings.model, limits).promote(version.number)
    control.announce_missing(settings, registry)
    say(f"version {version.number}, {chosen.name}: {verdict.reason}")
    return Trained(registry.version(version.number), verdict, number)


def _parts(spark: SparkSession, settings: Settings, number: int) -> Parts:
    """Split all labelled rows by time."""
    delta_version = dataset.delta_version(settings)
    rows = dataset.labelled(spark, settings, delta_version).select(*_KEPT).persist()
    first, last, count = rows.agg(f.min("ingest_ts"), f.max("ingest_ts"), f.count("*")).collect()[0]
    if not count:
        raise ModelError("training", "joined rows", "none", "wait for truth to be joined")
    test_from = _moment_of(rows, 1 - TEST_SHARE)
    was_known = f.coalesce(f.col("known_at"), f.col("ingest_ts")) < f.lit(test_from)
    before = rows.where(was_known & (f.col("ingest_ts") < f.lit(test_from)))
    recent_from = _moment_of(before, 1 - RECENT_SHARE)
    train = before.where(f.col("ingest_ts") < f.lit(recent_from))
    limit = settings.model.max_rows
    sampled = train.where((f.col("Class") == 1) | _share(limit, int(count)))
    parts = Parts(
        fit=_collected(sampled),
        recent=_collected(before.where(f.col("ingest_ts") >= f.lit(recent_from))),
        test=_collected(rows.where(f.col("ingest_ts") >= f.lit(test_from))),
        weight_of_honest=_weight(rows, int(count), settings.fraud.base_rate),
        dataset_version=number,
        delta_version=delta_version,
    )
    rows.unpersist()
    _require(parts, settings, last - first)
    return parts


def _moment_of(rows: DataFrame, share: float) -> datetime:
    """The moment before which this share of the frauds happened; 1970 if there are none."""
    micros = f.expr("unix_micros(ingest_ts)").cast("double")
    frauds = rows.where("Class = 1")
    at = frauds.agg(f.percentile_approx(micros, share, 1_000)).collect()[0][0]
    return datetime.fromtimestamp(0, tz=UTC) + timedelta(microseconds=int(at or 0))


def _share(most: int, count: int) -> Column:
    """Whether an honest payment is among about `most` of `count`; always the same ones."""
    place = f.pmod(f.xxhash64("message_id"), f.lit(10_000))
    return place < int(10_000 * min(1.0, most / count))


def _weight(rows: DataFrame, count: int, base_rate: float | None) -> float:
    """What an honest payment stands for, if frauds are over-represented in the rows."""
    frauds = int(rows.where("Class = 1").count())
    if base_rate is None or not frauds:
        return 1.0
    return frauds * (1 - base_rate) / base_rate / max(count - frauds, 1)


def _collected(rows: DataFrame) -> pl.DataFrame:
    found = cast(pl.DataFrame, pl.from_arrow(rows.toArrow()))
    return found.sort("ingest_ts", "message_id")


def _require(parts: Parts, settings: Settings, span: timedelta) -> None:
    for name in ("fit", "recent", "test"):
        rows: pl.DataFrame = getattr(parts, name)
        frauds = int(rows["Class"].sum())
        if frauds < settings.model.min_positives or frauds == len(rows):
            raise ModelError(
                f"training, part {name} of {span}",
                f"at least {settings.model.min_positives} frauds, and honest payments",
                f"{frauds} frauds among {len(rows):,} rows",
                "wait for more truth, or lower model.min_positives",
            )


def _compete(spark: SparkSession, parts: Parts, settings: Settings, say: Say) -> list[Candidate]:
    """The fitted candidates, the best on the recent rows first."""
    recent = Recent(
        _matrix(parts.recent), parts.recent["Class"].to_numpy().astype(np.int64),
        parts.weight(parts.recent), settings.fraud.learner.alert_rate,
    )  # fmt: skip
    both = pl.concat([parts.fit, parts.recent])
    rows = Rows(_matrix(both), both["Class"].to_numpy().astype(np.int64), len(parts.fit))
    fitted = [
        candidates.logistic(rows, recent),
        candidates.forest(spark, rows, recent, settings),
        candidates.half_space(_matrix(parts.fit), recent, settings),
    ]
    found = {one.name: one for one in fitted if one is not None}
    judged = _judge(parts, parts.recent, settings)
    winner = evaluation.best(judged, {name: one.ranked for name, one in found.items()})
    say(f"{winner} ranks recent payments best of {', '.join(found)}")
    return [found.pop(winner), *found.values()]


def _judged(
    parts: Parts, found: list[Candidate], settings: Settings
) -> tuple[Candidate, TrainedModel, LabelledRows, Scores]:
    """The winner with its figures on the test rows, beside those of the others."""
    chosen, *others = found
    frame = parts.test.rename({"Class": "label"})
    test = LabelledRows(frame, FEATURES, CARDS)
    scores = chosen.scorer.score(test.rows)
    ranked = {one.name: one.scorer.score(test.rows).probability for one in others}
    judged = _judge(parts, parts.test, settings)
    figures = evaluation.figures(judged, scores, ranked, papers.costs(settings))
    importance = evaluation.importance(chosen.scorer, test.rows, test.label, settings.model.seed)
    manifest = papers.manifest(parts, chosen, figures, importance, settings)
    return chosen, TrainedModel(chosen.file(), manifest, papers.PURPOSE), test, scores


def _judge(parts: Parts, rows: pl.DataFrame, settings: Settings) -> Judged:
    label = rows["Class"].to_numpy().astype(np.int64)
    entity = metrics.numbered(rows["account_number"])
    return Judged(label, parts.weight(rows), entity, settings.model.seed)


def _matrix(rows: pl.DataFrame) -> Floats:
    return np.ascontiguousarray(rows.select(FEATURES).to_numpy())
