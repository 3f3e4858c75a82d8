"""Which versions score: champion, challenger, a promoted one, and any by backfill."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import polars as pl
import pytest
from pyspark.sql import SparkSession

from lakehouse import trace
from lakehouse.clock import FixedClock
from lakehouse.domains.cdr import CDR, names
from lakehouse.domains.cdr.contracts import PREDICTIONS
from lakehouse.domains.settings import Settings
from lakehouse.errors import StreamError
from lakehouse.models import bundle
from lakehouse.names import table_uri
from lakehouse.registry import Registry
from lakehouse.registry.stores import MemoryStore
from pyspark_jobs.cdr.churn_scoring import scoring_context
from pyspark_jobs.delta import tables
from pyspark_jobs.scoring import score
from pyspark_jobs.scoring.score import Scoring
from tests.spark.model_site import (
    DAYS,
    NOW,
    START,
    USERS,
    Site,
)
from tests.spark.score_runs import context, gold_of, predictions, run_to_end


def add_version(copy: Site, score_from: date | None = None) -> None:
    """Register the same bundle once more, perhaps one that may score from another day."""
    version = copy.registry.version(1)
    loaded = copy.registry.load(version)
    if score_from is None:
        copy.registry.register(loaded.folder, version.manifest_sha256)
        return
    papers = msgspec.structs.replace(loaded.manifest, score_from=score_from)
    with TemporaryDirectory() as folder:
        shutil.copytree(loaded.folder, folder, dirs_exist_ok=True)
        copy.registry.register(Path(folder), bundle.finalize(Path(folder), papers))


def test_without_a_champion_the_query_does_not_start(spark: SparkSession, lake: Settings) -> None:
    registry = Registry(MemoryStore(lake.state), FixedClock(NOW))
    with pytest.raises(StreamError, match="expected a champion, but got none"):
        score.start(spark, scoring_context(lake, registry, FixedClock(NOW)), None)


def test_a_promotion_is_picked_up_by_the_next_batch(spark: SparkSession, copy: Site) -> None:
    tables.create_missing(copy.settings, PREDICTIONS)
    scoring = Scoring(context(copy))
    scoring.write_batch(gold_of(spark, copy, DAYS - 2), 0)
    add_version(copy)
    copy.registry.promote(2, "better")
    scoring.write_batch(gold_of(spark, copy, DAYS - 1), 1)
    by_version = predictions(copy).group_by("model_version").agg(pl.col("Date").unique())
    assert dict(by_version.rows()) == {
        1: [START + timedelta(days=DAYS - 2)],
        2: [START + timedelta(days=DAYS - 1)],
    }


def test_a_challenger_scores_the_same_rows_beside_the_champion(
    spark: SparkSession, copy: Site
) -> None:
    tables.create_missing(copy.settings, PREDICTIONS)
    add_version(copy)
    copy.registry.shadow(2)
    Scoring(context(copy)).write_batch(gold_of(spark, copy, 39), 0)
    stored = predictions(copy)
    assert stored["model_version"].value_counts().sort("model_version").rows() == [
        (1, USERS),
        (2, USERS),
    ]


def test_a_backfill_scores_a_range_with_any_version_and_repeats_itself(
    spark: SparkSession, copy: Site
) -> None:
    add_version(copy)
    days = START + timedelta(days=36), START + timedelta(days=37)
    version = copy.registry.version(2)
    written = [score.backfill(spark, context(copy), version, days) for _ in range(2)]
    assert written == [2 * USERS, 0]
    stored = predictions(copy)
    assert stored["model_version"].unique().to_list() == [2]
    # The outcome of the first day was known before it was scored.
    assert stored.filter(pl.col("Date") == days[0])["label"].null_count() == 0


def test_any_stored_prediction_is_reproduced_by_the_version_it_names(
    spark: SparkSession, copy: Site
) -> None:
    run_to_end(score.start(spark, context(copy), None))
    for row in predictions(copy).sample(5, seed=1).to_dicts():
        churn = CDR.scored[0]
        found = trace.trace(copy.settings, copy.registry, CDR, churn, row["User"], row["Date"])
        assert [one.is_reproduced for one in found.predictions] == [True]
        assert found.features is not None and found.outcome is None


def test_an_older_version_that_becomes_champion_leaves_nothing_unscored(
    spark: SparkSession, copy: Site
) -> None:
    run_to_end(score.start(spark, context(copy), None))
    add_version(copy, score_from=START + timedelta(days=30))
    copy.registry.promote(2, "by hand")
    run_to_end(score.start(spark, context(copy), None))
    start = copy.registry.scoring_start()
    gold = pl.read_delta(table_uri(copy.settings.lake_uri, names.GOLD_FEATURES))
    to_score = gold.filter(pl.col("Date") >= start)
    assert len(to_score) == 3 * USERS
    assert predictions(copy).select("User", "Date").n_unique() == len(to_score)
