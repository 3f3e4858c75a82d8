"""Answers and truths of the prediction log, joined whatever their order, on tables by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake
from pyspark.sql import SparkSession

from lakehouse.contracts import Contract
from lakehouse.domains.feedback import contracts, names
from lakehouse.domains.settings import Settings
from lakehouse.kinds import polars_schema
from lakehouse.names import table_uri
from pyspark_jobs.delta import tables
from pyspark_jobs.feedback import join

START = datetime(2026, 6, 1, tzinfo=UTC)
FEATURES = {"calls": 2.5, "cells": 1.0}


@pytest.fixture(autouse=True)
def prepared(lake: Settings) -> None:
    tables.create_missing(
        lake, contracts.BRONZE_PREDICTIONS, contracts.BRONZE_TRUTHS, contracts.PREDICTIONS
    )


def add(lake: Settings, contract: Contract, rows: Sequence[dict[str, Any]]) -> None:
    """Rows of bronze, with what every one of them has."""
    common = {"topic": "t", "partition": 0, "kafka_timestamp": START, "batch_id": 0}
    full = [
        {"record": 0, "offset": number, "ingested_at": START, **common, **row}
        for number, row in enumerate(rows)
    ]
    kinds: Any = polars_schema(contract)
    frame = pl.DataFrame([[one.get(name) for name in kinds] for one in full], kinds, orient="row")
    data = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    write_deltalake(table_uri(lake.lake_uri, contract.name), data, mode="append")


def answer(request: str, second: int = 0, probability: float = 0.7) -> dict[str, Any]:
    at = START + timedelta(seconds=second)
    return {
        "event_id": f"{request}:0", "request_id": request, "served_at": at, "model": "m",
        "version": 3, "probability": probability, "prediction": 1, "served_date": at.date(),
        "extras": json.dumps({"features": dict(reversed(FEATURES.items()))}),
    }  # fmt: skip


def truth(request: str, told: int, hour: int) -> dict[str, Any]:
    at = START + timedelta(hours=hour)
    return {
        "event_id": f"{request}:0", "request_id": request, "truth": told, "known_at": at,
        "known_date": at.date(),
    }  # fmt: skip


def joined(spark: SparkSession, lake: Settings) -> pl.DataFrame:
    query = join.start(spark, lake, None)
    query.awaitTermination()
    assert query.exception() is None
    return pl.read_delta(table_uri(lake.lake_uri, names.PREDICTIONS)).sort("event_id")


def test_truth_finds_its_answer_whatever_came_first_and_the_newest_counts(
    spark: SparkSession, lake: Settings
) -> None:
    add(lake, contracts.BRONZE_PREDICTIONS, [answer("a"), answer("b"), answer("c")])
    add(lake, contracts.BRONZE_TRUTHS, [truth("a", 1, hour=1), truth("d", 1, hour=2)])
    first = joined(spark, lake)
    assert first["truth"].to_list() == [1, None, None]
    assert first["feature_names"].to_list() == ["calls,cells"] * 3
    assert first["features"].to_list() == [[2.5, 1.0]] * 3
    add(lake, contracts.BRONZE_TRUTHS, [truth("a", 0, hour=9), truth("b", 1, hour=9)])
    joined(spark, lake)
    add(lake, contracts.BRONZE_TRUTHS, [truth("a", 1, hour=3)])  # late, and older
    # An answer whose truth is there already, and a second one under an id that was used before.
    add(lake, contracts.BRONZE_PREDICTIONS, [answer("d"), answer("b", 60, probability=0.1)])
    last = joined(spark, lake)
    told = last.select("request_id", "truth", "probability").rows()
    assert told == [("a", 0, 0.7), ("b", 1, 0.7), ("c", None, 0.7), ("d", 1, 0.7)]


def test_a_message_of_somebody_else_has_no_features(spark: SparkSession, lake: Settings) -> None:
    extras = {"a": None, "b": '{"features": 7}', "c": "{"}
    odd = [answer(name) | {"extras": text} for name, text in extras.items()]
    add(lake, contracts.BRONZE_PREDICTIONS, odd)
    found = joined(spark, lake)
    assert found.select("feature_names", "features").rows() == [("", [])] * 3


def test_a_batch_that_is_joined_again_changes_nothing(spark: SparkSession, lake: Settings) -> None:
    add(lake, contracts.BRONZE_PREDICTIONS, [answer("a"), answer("a", 5), answer("b")])
    add(lake, contracts.BRONZE_TRUTHS, [truth("b", 0, hour=1)])
    before = joined(spark, lake)
    news = join.with_features(spark.read.format("delta").load(
        table_uri(lake.lake_uri, names.BRONZE_PREDICTIONS)
    ))  # fmt: skip
    truths = spark.read.format("delta").load(table_uri(lake.lake_uri, names.BRONZE_TRUTHS))
    told = truths.select("event_id", "truth", "known_at")
    join.Join(lake.lake_uri).write_batch(news.unionByName(told, allowMissingColumns=True), 0)
    after = pl.read_delta(table_uri(lake.lake_uri, names.PREDICTIONS)).sort("event_id")
    assert after.equals(before)
    assert before["served_at"].to_list() == [START, START]
    assert DeltaTable(table_uri(lake.lake_uri, names.PREDICTIONS)).version() >= 1
