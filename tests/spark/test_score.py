"""Features become predictions: once, when they change, and the same in tasks."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date, timedelta

import polars as pl
import pytest
from deltalake import CommitProperties, DeltaTable, write_deltalake
from pyspark.sql import SparkSession
from pyspark.sql import functions as f

from lakehouse import store
from lakehouse.domains.cdr import names
from lakehouse.domains.cdr.contracts import LABEL, PREDICTIONS
from lakehouse.domains.cdr.domain import CHURN
from lakehouse.models.scoring import score_frame
from lakehouse.models.stored_features import features_of
from lakehouse.names import table_uri
from pyspark_jobs.delta import tables
from pyspark_jobs.delta.table_writer import CHANGES_NOTE
from pyspark_jobs.scoring import outcomes, parallel, score, score_task
from pyspark_jobs.scoring.context import ScoringContext
from pyspark_jobs.scoring.score import Scoring
from tests.spark.model_site import (
    DAYS,
    FEATURES,
    NOW,
    START,
    USERS,
    Site,
    outcome_rows,
    telling,
)
from tests.spark.score_runs import context, gold_of, predictions, run_to_end


def table_version(site: Site) -> int:
    return int(DeltaTable(table_uri(site.settings.lake_uri, names.PREDICTIONS)).version())


def test_gold_is_scored_once_from_the_day_after_the_test_window_on(
    spark: SparkSession, copy: Site
) -> None:
    run_to_end(score.start(spark, context(copy), None))
    stored, loaded = predictions(copy), copy.registry.load(copy.registry.version(1))
    assert len(stored) == 3 * USERS
    assert stored["Date"].min() == loaded.manifest.score_from
    assert stored["label"].null_count() == len(stored)
    gold = pl.read_delta(table_uri(copy.settings.lake_uri, names.GOLD_FEATURES))
    rows = stored.select("User", "Date").join(gold, ["User", "Date"])
    again = score_frame(loaded.scorer, rows, CHURN)
    expected = stored.join(again, ["User", "Date"])
    assert (expected["probability_1"] - expected["probability_1_right"]).abs().max() == 0.0
    before = table_version(copy)
    shutil.rmtree(names.SCORE.checkpoint(copy.settings.lake_uri))
    run_to_end(score.start(spark, context(copy), None))
    assert table_version(copy) == before


def change(copy: Site, user: str, day: date, shift: float, version: int) -> None:
    """Name a row of gold as changed, as transform does."""
    uri = table_uri(copy.settings.lake_uri, names.GOLD_FEATURES)
    row = pl.read_delta(uri).filter(pl.col("User") == user, pl.col("Date") == day)
    changed = row.with_columns(
        pl.lit(shift).alias(name) for name in (*FEATURES[:3], "days_since_active")
    ).with_columns(base_version=pl.lit(version, pl.Int64), changed_on=pl.lit(NOW.date()))
    place = table_uri(copy.settings.lake_uri, names.FEATURE_CHANGES)
    write_deltalake(place, changed.to_arrow(), mode="append")


def test_a_changed_day_of_gold_changes_its_prediction_alone(
    spark: SparkSession, copy: Site
) -> None:
    run_to_end(score.start(spark, context(copy), None))
    before = predictions(copy)
    user, day = before["User"][7], before["Date"][7]
    for version, shift in enumerate((10.0, -10.0)):
        change(copy, user, day, shift, version)
    run_to_end(score.start(spark, context(copy), None))
    after = predictions(copy)
    changed = after.join(before, on=["User", "Date", "probability_1"], how="anti")
    assert changed.select("User", "Date").rows() == [(user, day)]
    assert features_of(changed.to_dicts()[0])["out_calls_sum_2d"] == -10.0
    assert len(after) == len(before)


@pytest.mark.parametrize(("base", "is_scored_again"), [(0, False), (1, True)])
def test_at_first_only_changes_that_gold_has_not_taken_in_are_scored_beside_it(
    spark: SparkSession, copy: Site, base: int, is_scored_again: bool
) -> None:
    gold = table_uri(copy.settings.lake_uri, names.GOLD_FEATURES)
    user, day = pl.read_delta(gold).select("User", pl.col("Date").max()).row(0)
    change(copy, user, day, 10.0, base)
    note = CommitProperties(custom_metadata={CHANGES_NOTE: "a change"})
    nothing = pl.read_delta(gold).clear().to_arrow()
    write_deltalake(gold, nothing, mode="append", commit_properties=note)
    assert DeltaTable(gold).version() == 1
    run_to_end(score.start(spark, context(copy), None))
    row = predictions(copy).row(
        by_predicate=(pl.col("User") == user) & (pl.col("Date") == day), named=True
    )
    assert (features_of(row)["out_calls_sum_2d"] == 10.0) is is_scored_again


def test_an_outcome_that_matures_fills_the_label(spark: SparkSession, copy: Site) -> None:
    run_to_end(score.start(spark, context(copy), None))
    run_to_end(outcomes.start(spark, context(copy), None))
    assert predictions(copy)["label"].null_count() == 3 * USERS
    data = telling()
    matured = outcome_rows(data).filter(pl.col("date") == START + timedelta(days=DAYS - 3))
    bronze = table_uri(copy.settings.lake_uri, names.BRONZE_OUTCOMES)
    write_deltalake(bronze, matured.to_arrow(), mode="append")
    run_to_end(outcomes.start(spark, context(copy), None))
    labelled = predictions(copy).drop_nulls("label")
    assert labelled["label"].to_list() == matured.sort("DP_MSISDN")[LABEL].to_list()
    assert labelled["Date"].unique().to_list() == [START + timedelta(days=DAYS - 3)]


def in_tasks(copy: Site) -> ScoringContext:
    """A context in which every batch is a large one."""
    spark = copy.settings.spark.model_copy(update={"small_batch_rows": 0})
    settings = copy.settings.model_copy(update={"spark": spark})
    return replace(context(copy), settings=settings)


def test_a_large_batch_is_scored_in_tasks_to_the_same_rows(
    spark: SparkSession, copy: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables.create_missing(copy.settings, PREDICTIONS)
    Scoring(context(copy)).write_batch(gold_of(spark, copy, 39), 0)
    before = table_version(copy)
    assert len(predictions(copy)) == USERS
    monkeypatch.setattr(score_task, "ROWS_AT_ONCE", 10)
    large = Scoring(in_tasks(copy))
    large.write_batch(gold_of(spark, copy, 39), 0)
    assert table_version(copy) == before
    large.write_batch(gold_of(spark, copy, 38), 1)
    assert len(predictions(copy)) == 2 * USERS
    # Its outcomes were known before.
    assert predictions(copy).filter(pl.col("Date") == START + timedelta(days=30)).is_empty()
    large.write_batch(gold_of(spark, copy, 30), 2)
    old = predictions(copy).filter(pl.col("Date") == START + timedelta(days=30))
    assert (len(old), old["label"].null_count()) == (USERS, 0)


def test_rows_that_tasks_score_again_are_updated_and_named_once_in_the_change_feed(
    spark: SparkSession, copy: Site
) -> None:
    tables.create_missing(copy.settings, PREDICTIONS)
    large, day = Scoring(in_tasks(copy)), gold_of(spark, copy, 39)
    large.write_batch(day, 0)
    before = predictions(copy)
    chosen = before["User"][:2].to_list()
    shifted = f.when(f.col("User").isin(chosen), f.col(FEATURES[0]) + 7).otherwise(
        f.col(FEATURES[0])
    )
    again = day.withColumn(FEATURES[0], shifted).withColumn(
        "_commit_version", f.col("_commit_version") + 2
    )
    large.write_batch(again, 1)
    after = predictions(copy)
    assert len(after) == len(before)
    changed = after.join(before, on=["User", "features"], how="anti")
    assert changed["User"].to_list() == chosen
    uri = table_uri(copy.settings.lake_uri, names.PREDICTIONS)
    feed = store.changes(uri, 1).frame
    assert sorted(feed["User"]) == sorted(chosen)


def test_a_job_that_ranks_inside_spark_gets_the_numbers_that_are_stored(
    spark: SparkSession, copy: Site
) -> None:
    tables.create_missing(copy.settings, PREDICTIONS)
    gold = gold_of(spark, copy, 39).where(f.col("_commit_version") == 5)
    Scoring(context(copy)).write_batch(gold, 0)
    file = copy.registry.load(copy.registry.version(1)).file
    ranked = pl.DataFrame(parallel.with_probability(gold, file, CHURN).toArrow())
    columns = ["User", "Date", "prediction", "probability_1"]
    stored = predictions(copy).select(columns)
    assert ranked.select(columns).sort("User").equals(stored.sort("User"))
