"""Segments on the engine: what tasks compute is what one process computes."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import msgspec
import numpy as np
import polars as pl
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f

from bench import segments_quality as quality
from bench.segments_data import BIRMINGHAM, birmingham
from lakehouse.domains.segments.card_features import card_features
from lakehouse.domains.segments.next_purchase import Coverage, with_next_purchase
from lakehouse.domains.segments.structure import claim
from lakehouse.models.hazard import HazardScorer
from pyspark_jobs.segments import hazard_fit, types
from pyspark_jobs.segments.features import distinct_purchases, features_of_cards, training_rows
from pyspark_jobs.segments.gather import in_tasks
from pyspark_jobs.segments.hazard_terms import request_terms
from pyspark_jobs.segments.train import blank

FIRST, AS_OF = date(2026, 1, 5), date(2026, 7, 6)
ORIGINS = (date(2026, 6, 1), date(2026, 6, 15))
COVERED = Coverage(FIRST, AS_OF + timedelta(days=60))


@pytest.fixture(scope="module")
def purchases() -> pl.DataFrame:
    """Three kinds of cards, 240 days."""
    rng, rows = np.random.default_rng(0), []
    for card in range(240):
        rate, size, shops = ((0.03, 8.0, 2), (0.15, 25.0, 9), (0.6, 60.0, 40))[card % 3]
        for day in np.flatnonzero(rng.random(240) < rate):
            amount = Decimal(f"{rng.lognormal(np.log(size), 0.5):.2f}")
            rows.append((f"{card:032x}", f"m{rng.integers(shops)}", amount, FIRST, int(day)))
    columns = list(zip(*rows, strict=True))
    return pl.DataFrame(
        {
            "card": columns[0],
            "merchant": columns[1],
            "amount": pl.Series(columns[2], dtype=pl.Decimal(18, 3)),
            "date": [FIRST + timedelta(days=day) for day in columns[4]],
        }
    )


@pytest.fixture(scope="module")
def table(spark: SparkSession, purchases: pl.DataFrame) -> DataFrame:
    return spark.createDataFrame(purchases.to_arrow())


def collected(frame: DataFrame) -> pl.DataFrame:
    found = pl.DataFrame(pl.from_arrow(frame.toArrow()))
    return found.sort([name for name in ("as_of", "card") if name in found.columns])


@pytest.mark.parametrize("buckets", [1, 7])
def test_tasks_give_the_features_of_one_process_to_the_bit(
    table: DataFrame, purchases: pl.DataFrame, buckets: int
) -> None:
    found = collected(features_of_cards(table, AS_OF, buckets))
    assert found.equals(card_features(purchases, AS_OF))


def test_a_purchase_that_was_sent_twice_counts_once(
    table: DataFrame, purchases: pl.DataFrame
) -> None:
    numbered = table.withColumn("event_id", f.monotonically_increasing_id().cast("string"))
    numbered = numbered.localCheckpoint()
    bronze = numbered.unionByName(numbered.limit(500))
    found = collected(features_of_cards(distinct_purchases(bronze), AS_OF, 2))
    assert found.equals(card_features(purchases, AS_OF))


def test_a_hazard_fitted_in_tasks_is_the_one_fitted_in_one_process(
    table: DataFrame, purchases: pl.DataFrame
) -> None:
    rows = training_rows(table, ORIGINS, COVERED, buckets=3).cache()
    here = pl.concat(
        with_next_purchase(card_features(purchases, day), purchases, day, COVERED)
        for day in ORIGINS
    )
    assert collected(rows).select(here.columns).equals(here.sort("as_of", "card"))
    start = blank(("n", "amount", "merchants"), request_terms(), waited="")
    apart = hazard_fit.fit(start, in_tasks(rows))
    whole = hazard_fit.fit(start, hazard_fit.here(here))
    assert (apart.days, apart.purchases) == (whole.days, whole.purchases)
    inputs = here.with_columns(k=pl.lit(7.0)).select(start.features).cast(pl.Float64).to_numpy()
    ours, theirs = (HazardScorer(one.model).curve(inputs, 90) for one in (apart, whole))
    assert np.abs(ours - theirs).max() < 1e-6
    newer = hazard_fit.recalibrate(apart.model, in_tasks(rows))
    assert abs(newer.level) < 0.1
    rows.unpersist()


def test_types_are_found_kept_in_order_and_matched_when_trained_again(
    spark: SparkSession, purchases: pl.DataFrame
) -> None:
    features = card_features(purchases, AS_OF)
    model = types.fit_types(spark, features, 3, seed=1)
    found = types.assign(model, features)
    made = np.array([int(card, 16) % 3 for card in features["card"]])
    assert (found == made).mean() > 0.97
    turned = msgspec.structs.replace(model, centroids=model.centroids[::-1], names=("a", "b", "c"))
    again = types.matched(turned, model)
    assert again.centroids == model.centroids
    assert again.names == model.names
    more = types.matched(types.fit_types(spark, features, 4, seed=1), model)
    assert more.names == ("type 1", "type 2", "type 3", "type 4")


def test_groups_are_claimed_where_there_are_some_and_not_in_a_featureless_crowd(
    spark: SparkSession, purchases: pl.DataFrame
) -> None:
    real = card_features(purchases, AS_OF)
    model = types.fit_types(spark, real, 3, seed=1)
    assert claim(types.gap_to_null(model, real, 1)).startswith("groups")
    rng = np.random.default_rng(5)
    for crowd in (shuffled(real, rng), gaussian(rng)):
        fitted = types.fit_types(spark, crowd, 3, seed=1)
        said = claim(types.gap_to_null(fitted, crowd, 1))
        assert said.startswith("no separate groups: cuts of a continuum"), said


def shuffled(features: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """A heavy-tailed column each, and nothing that binds a card's values together."""
    n = len(features)
    return pl.DataFrame(
        {name: np.expm1(rng.gamma(6.0, 0.5, n)) for name in ("n", "amount", "merchants")}
    )


def gaussian(rng: np.random.Generator) -> pl.DataFrame:
    spread = [[1.0, 0.8, 0.7], [0.8, 1.0, 0.6], [0.7, 0.6, 1.0]]
    values = np.expm1(rng.multivariate_normal([4.0, 7.0, 3.0], spread, 900).clip(0))
    return pl.DataFrame(dict(zip(("n", "amount", "merchants"), values.T, strict=True)))


@pytest.mark.skipif(
    not BIRMINGHAM.exists(), reason="REAL_DATA_DIR names no folder with birmingham_pcard"
)
def test_segments_explain_later_spending_better_than_rules(spark: SparkSession) -> None:
    study = birmingham()
    found, others = quality.cut(spark, study, 3), quality.rules(study)
    assert found.r2 >= 0.45
    assert found.r2 > max(others.values())
    assert (found.agreement >= 0.87, found.worst >= 0.80) == (True, True)
    assert found.least >= 0.05
