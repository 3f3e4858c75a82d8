"""Cards in Spark: features equal the door's, training beats its baselines, parity finds faults."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as f

from flaskapp.cards.world.world import World
from lakehouse.domains.cards import contracts, features
from lakehouse.domains.cards.card_state import CardState, step
from lakehouse.domains.cards.domain import FRAUD
from lakehouse.domains.cards.transaction import transaction
from lakehouse.domains.settings import Settings
from lakehouse.models import kernel
from lakehouse.names import table_uri
from lakehouse.registry import open_registry
from pyspark_jobs.cards import forest, parity
from pyspark_jobs.cards.forest import Recipe, grow
from pyspark_jobs.cards.train import TrainingResult, train
from pyspark_jobs.cards.transform import Transform
from pyspark_jobs.delta import tables

START = datetime(2026, 3, 1, tzinfo=UTC)


def bronze_rows(cards: int, days: float, fraud_rate: float = 0.02) -> list[dict[str, Any]]:
    """Rows of bronze, a doubled and a late transaction among them, in the order of arrival."""
    found = [one.row for one in World(cards, 7, fraud_rate, START).transactions(days)]
    found.insert(50, found.pop(40))
    found.append(found[60])
    base = {"topic": "topic_1", "batch_id": 0, "extras": None, "ingested_at": START}
    rows = []
    for offset, row in enumerate(found):
        moment = datetime.fromisoformat(row["trans_date_trans_time"]).replace(tzinfo=UTC)
        rows.append(
            {
                **base, **row, "trans_date_trans_time": moment, "event_date": moment.date(),
                "partition": int(row["cc_num"][-1]) % 3, "offset": offset,
                "kafka_timestamp": moment,
            }
        )  # fmt: skip
    return rows


def write(spark: SparkSession, settings: Settings, table: Any, rows: list[dict[str, Any]]) -> None:
    tables.create_missing(settings, table)
    frame = spark.createDataFrame(
        [tuple(row[name] for name in table.names) for row in rows], tables.schema(table)
    )
    frame.write.format("delta").mode("append").save(table_uri(settings.lake_uri, table.name))


def by_the_door(rows: list[dict[str, Any]]) -> dict[str, tuple[float, ...]]:
    states: dict[tuple[Any, Any], CardState] = {}
    found: dict[str, tuple[float, ...]] = {}
    for row in rows:
        state = states.setdefault((row["partition"], row["cc_num"]), CardState())
        values = step(state, transaction(row))
        if values is not None:
            found.setdefault(row["trans_num"], values)
    return found


@dataclass(frozen=True)
class Plant:
    """A lake with transactions, features and a trained model."""

    settings: Settings
    rows: list[dict[str, Any]]
    result: TrainingResult


@pytest.fixture(scope="module")
def plant(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Plant:
    place = tmp_path_factory.mktemp("cards")
    model = {"min_positives": 10, "min_rows": 100}
    settings = Settings.model_validate(
        {"state_dir": str(place), "lake": {"uri": str(place / "lake")}, "model": model}
    )
    rows = bronze_rows(cards=70, days=20, fraud_rate=0.04)
    half = len(rows) // 2
    tables.create_missing(settings, contracts.GOLD_FEATURES)
    transform = Transform(spark, settings)
    for number, part in enumerate((rows[:half], rows[half:])):
        write(spark, settings, contracts.BRONZE_TRANSACTIONS, part)
        uri = table_uri(settings.lake_uri, contracts.BRONZE_TRANSACTIONS.name)
        fresh = spark.read.format("delta").load(uri)
        batch = fresh.where(f.col("offset") >= part[0]["offset"])
        transform.write_batch(batch, number)
        transform.write_batch(batch, number)  # replayed
    result = train(spark, settings, open_registry(settings, FRAUD), lambda _: None)
    return Plant(settings, rows, result)


def gold(spark: SparkSession, settings: Settings) -> dict[str, tuple[float, ...]]:
    uri = table_uri(settings.lake_uri, contracts.GOLD_FEATURES.name)
    rows = spark.read.format("delta").load(uri).collect()
    assert len({row["trans_num"] for row in rows}) == len(rows)
    return {row["trans_num"]: tuple(row[name] for name in features.NAMES) for row in rows}


def test_features_in_the_lake_are_those_of_the_door(spark: SparkSession, plant: Plant) -> None:
    assert gold(spark, plant.settings) == by_the_door(plant.rows)


def test_the_model_is_better_than_without_the_history_of_the_card(plant: Plant) -> None:
    figures = plant.result.figures
    stateless = figures.baselines["stateless_forest"]["pr_auc"]
    value = stateless if isinstance(stateless, float) else stateless.value
    assert figures.value("pr_auc") > value + 0.05
    assert plant.result.verdict.promoted, plant.result.verdict.reason


def test_a_forest_grown_in_tasks_votes_as_its_trees_do(spark: SparkSession) -> None:
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(600, 4))
    label = (rows[:, 0] + rows[:, 1] > 0.5).astype(np.int64)
    grown = grow(spark, rows, label, np.ones(600), Recipe(trees=7, depth=5))
    again = grow(spark, rows, label, np.ones(600), Recipe(trees=7, depth=5))
    votes = kernel.votes(kernel.pack(grown, 4), rows) / 7
    assert ((votes > 0.5) == label).mean() > 0.95
    assert (votes == kernel.votes(kernel.pack(again, 4), rows) / 7).all()
    at = forest.cuts(rows)
    bins = forest.binned(rows, at)
    for column in range(4):
        for place in (0, len(at[column]) // 2):
            same = (rows[:, column] <= at[column][place]) == (bins[:, column] <= place)
            assert same.all()


def test_parity_holds_and_finds_one_changed_bit(spark: SparkSession, plant: Plant) -> None:
    registry = open_registry(plant.settings, FRAUD)
    bundle = registry.load(plant.result.version)
    found = by_the_door(plant.rows)
    matrix = np.array(list(found.values()))
    columns = [features.NAMES.index(name) for name in bundle.scorer.features]
    scores = bundle.scorer.score(np.ascontiguousarray(matrix[:, columns])).probability
    decided: dict[str, dict[str, Any]] = {}
    for row in plant.rows:
        decided.setdefault(row["trans_num"], row)
    rows = [
        decided[key]
        | {
            "source_is_fraud": 0, "is_fraud": 0, "score": float(score), "decision": "approve",
            "expected_loss": 0.0, "model_version": 1, "predicted_at": START,
            "features": list(found[key]),
        }
        for key, score in zip(found, scores, strict=True)
    ]  # fmt: skip
    rows[3]["features"][0] = float(np.nextafter(rows[3]["features"][0], 1e9))
    rows[5]["score"] = float(np.nextafter(rows[5]["score"], 1.0))
    write(spark, plant.settings, contracts.BRONZE_DECISIONS, rows[:-2])
    compared = parity.compare(spark, plant.settings, registry)
    assert (compared.compared, compared.undecided) == (len(rows) - 2, 2)
    assert (compared.other_features, compared.other_scores) == (1, 1)
    assert set(compared.samples) == {rows[3]["trans_num"], rows[5]["trans_num"]}
    assert not compared.holds
