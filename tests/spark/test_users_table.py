"""The table of users: the latest change counts, a deleted user leaves, repeats change nothing."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
from pyspark.sql import DataFrame, SparkSession

from lakehouse import store
from lakehouse.domains.clicks import contracts, names
from lakehouse.domains.settings import Settings
from lakehouse.names import table_uri
from pyspark_jobs.clicks import users
from pyspark_jobs.delta import tables

WIRE = "key string, value string, topic string, partition int, offset long, timestamp timestamp"


def changes(spark: SparkSession, *messages: tuple[int, object]) -> DataFrame:
    """Messages by offset, as Kafka's source gives them; text is sent as it is."""
    rows = [
        ("k", value if isinstance(value, str) else json.dumps(value), "t", 0, offset, None)
        for offset, value in messages
    ]
    wire = spark.createDataFrame(rows, WIRE)
    return users.with_change(wire.selectExpr("*").withColumn("value", wire.value.cast("binary")))


def user(number: int, country: str, **more: Any) -> dict[str, Any]:
    return {"id": number, "name": "n", "country": country, "nb_orders": 1, **more}


def kept(lake: Settings) -> dict[int, tuple[str, int]]:
    found = store.scan(table_uri(lake.lake_uri, names.USERS), {}).collect()
    return {row["id"]: (row["country"], row["position"]) for row in found.iter_rows(named=True)}


def test_the_latest_change_counts_and_a_deleted_user_leaves(
    spark: SparkSession, lake: Settings
) -> None:
    tables.create_missing(lake, contracts.USERS)
    first = changes(spark, (0, user(1, "PL")), (1, user(2, "FR")), (2, user(1, "DE")))
    gone = changes(spark, (3, user(2, "FR", __deleted="true")), (4, user(3, "ES")))
    users.keep(lake, users.latest(first))
    assert kept(lake) == {1: ("DE", 2), 2: ("FR", 1)}
    for _ in range(2):
        users.keep(lake, users.latest(gone))
        assert kept(lake) == {1: ("DE", 2), 3: ("ES", 4)}


def test_what_is_no_change_of_a_user_has_no_id(spark: SparkSession) -> None:
    odd = changes(spark, (0, "no json"), (1, "[]"), (2, {"name": "x"}), (3, user(1, "PL")))
    assert pl.DataFrame(odd.toArrow())["id"].to_list() == [None, None, None, 1]
