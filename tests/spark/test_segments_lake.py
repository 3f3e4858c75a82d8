"""Purchases in the lake to history, models behind gates, predictions, outcomes and segments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import cast

import polars as pl
import pytest
from deltalake import write_deltalake
from pyspark.sql import SparkSession

from flaskapp.segments.world import FIRST, World
from lakehouse.clock import FixedClock
from lakehouse.contracts import Contract
from lakehouse.domains.segments import contracts, names
from lakehouse.domains.segments.card_features import FEATURES, card_features
from lakehouse.domains.segments.settings import SegmentsSettings
from lakehouse.domains.settings import Settings
from lakehouse.errors import ModelError
from lakehouse.kinds import arrow_schema
from lakehouse.models.hazard import HazardScorer
from lakehouse.models.scoring import matrix
from lakehouse.names import table_uri
from lakehouse.registry import Registry
from lakehouse.settings.model import LakeSettings
from pyspark_jobs.delta import tables
from pyspark_jobs.engine import readers
from pyspark_jobs.engine.supervisor import Start
from pyspark_jobs.segments import transform, weeks
from pyspark_jobs.segments.pipeline import scoring_starts
from pyspark_jobs.segments.scoring import registries
from pyspark_jobs.segments.train_models import TrainedVersion, train

DAYS, HELD_BACK = 380, 21
CLOCK = FixedClock(datetime(2026, 6, 1, tzinfo=UTC))
OWN = SegmentsSettings(train_weeks=6, test_weeks=6)


@dataclass
class Plant:
    """A lake into which purchases are put, and the queries that follow."""

    spark: SparkSession
    settings: Settings
    purchases: pl.DataFrame
    put: int = 0

    def add(self, rows: pl.DataFrame) -> None:
        """Append purchases to bronze, as ingest would, and bring history up to date."""
        tables.create_missing(self.settings, contracts.BRONZE_PURCHASES)
        at = datetime(2026, 1, 1, tzinfo=UTC)
        wire = {"topic": "purchases", "partition": 0, "kafka_timestamp": at, "batch_id": self.put,
                "ingested_at": at}  # fmt: skip
        made = rows.with_columns(
            pl.lit(None, pl.String).alias("extras"),
            *(pl.lit(value).alias(name) for name, value in wire.items()),
            offset=pl.int_range(pl.len()),
        ).select(contracts.BRONZE_PURCHASES.names)
        schema = arrow_schema(contracts.BRONZE_PURCHASES)
        write_deltalake(
            self.uri(names.BRONZE_PURCHASES), made.to_arrow().cast(schema), mode="append"
        )
        self.put += 1
        assert transform.start(self.spark, self.settings, None).awaitTermination(300)

    def uri(self, name: str) -> str:
        return table_uri(self.settings.lake_uri, name)

    def read(self, contract: Contract) -> pl.DataFrame:
        return pl.read_delta(self.uri(contract.name)).sort("as_of", "card")

    def run(self, starts: list[Start]) -> None:
        for query in [start() for start in starts]:
            assert query.awaitTermination(300)


@pytest.fixture(scope="module")
def plant(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Plant:
    """A year of purchases, the last three weeks of which are held back; some come late."""
    place = tmp_path_factory.mktemp("segments")
    settings = Settings(
        state_dir=str(place / "state"), lake=LakeSettings(uri=str(place / "lake")), segments=OWN
    )
    world = World(cards=250, days=DAYS, seed=3).purchases()
    purchases = world.with_columns(event_id=pl.format("w:{}", pl.int_range(pl.len())))
    made = Plant(spark, settings, purchases)
    until = FIRST + timedelta(days=DAYS - HELD_BACK)
    is_late = pl.int_range(pl.len()) % 40 == 7
    made.add(purchases.filter((pl.col("date") < until) & ~is_late))
    made.add(purchases.filter((pl.col("date") < until) & is_late))
    return made


@pytest.fixture(scope="module")
def known(plant: Plant) -> dict[str, Registry]:
    return registries(plant.settings)


@pytest.fixture(scope="module")
def trained(plant: Plant, known: dict[str, Registry]) -> dict[str, TrainedVersion]:
    found = train(plant.spark, plant.settings, known, print)
    return {one.model: one for one in found}


def history_of(purchases: pl.DataFrame, days: set[date]) -> pl.DataFrame:
    parts = [card_features(purchases, day).with_columns(as_of=pl.lit(day)) for day in days]
    return pl.concat(parts).sort("as_of", "card")


def test_history_is_that_of_a_backfill_whatever_came_late_or_twice(plant: Plant) -> None:
    stored = plant.read(contracts.GOLD_HISTORY)
    days = set(stored["as_of"])
    until = FIRST + timedelta(days=DAYS - HELD_BACK)
    expected = history_of(plant.purchases.filter(pl.col("date") < until), days)
    assert stored.select("card", *FEATURES).equals(expected.select("card", *FEATURES))
    assert {day.weekday() for day in days} == {0}
    before = stored
    plant.add(plant.purchases.filter(pl.col("date") < until).head(500))
    assert plant.read(contracts.GOLD_HISTORY).equals(before)


def test_a_batch_that_is_replayed_changes_nothing(plant: Plant) -> None:
    tables_of = (contracts.GOLD_HISTORY, contracts.GOLD_OUTCOMES)
    before = [plant.read(one) for one in tables_of]
    batch = readers.read_table(plant.spark, plant.uri(names.BRONZE_PURCHASES))
    transform.Transform(plant.spark, plant.settings).write_batch(batch, 0)
    assert all(plant.read(one).equals(old) for one, old in zip(tables_of, before, strict=True))


def test_all_models_pass_their_gates(trained: dict[str, TrainedVersion]) -> None:
    assert {name: one.verdict.promoted for name, one in trained.items()} == dict.fromkeys(
        (names.WILL_SPEND, names.REQUEST, names.TYPES), True
    ), [str(one) for one in trained.values()]
    history, request = trained[names.WILL_SPEND].figures, trained[names.REQUEST].figures
    assert history.value("roc_auc") > request.value("roc_auc")


def test_predictions_segments_and_outcomes_follow_new_purchases(
    plant: Plant, trained: dict[str, TrainedVersion], known: dict[str, Registry]
) -> None:
    until = FIRST + timedelta(days=DAYS - HELD_BACK)
    plant.add(plant.purchases.filter(pl.col("date") >= until))
    plant.run(scoring_starts(plant.spark, plant.settings, CLOCK, None))
    since = cast(date, known[names.WILL_SPEND].scoring_start())
    history = plant.read(contracts.GOLD_HISTORY).filter(pl.col("as_of") >= since)
    scored = plant.read(contracts.WILL_SPEND)
    champion = known[names.WILL_SPEND].champion()
    assert champion is not None
    scorer = cast(HazardScorer, known[names.WILL_SPEND].load(champion).scorer)
    again = scorer.score(matrix(history, scorer.features))
    assert scored["probability_1"].to_list() == again.probability.tolist()
    segments = plant.read(contracts.GOLD_SEGMENTS)
    assert segments.select("card", "as_of").equals(history.select("card", "as_of"))
    assert segments["p_7"].to_list() == scored["probability_1"].to_list()
    horizons = [segments[f"p_{k}"] for k in contracts.STORED_HORIZONS]
    assert all((b >= a).all() for a, b in pairwise(horizons))
    assert set(segments["segment"]) <= set(range(12))
    labels_agree(plant, scored)


def labels_agree(plant: Plant, scored: pl.DataFrame) -> None:
    """A label is there for every closed week, and says what the purchases say."""
    newest = cast(date, plant.purchases["date"].max())
    for day, rows in scored.partition_by("as_of", as_dict=True).items():
        first = cast(date, day[0])
        last = first + timedelta(days=6)
        if last >= newest:
            assert rows["bought"].null_count() == len(rows)
            continue
        window = pl.col("date").is_between(first, last) & (pl.col("amount") > 0)
        buyers = set(plant.purchases.filter(window)["card"])
        assert rows["bought"].to_list() == [card in buyers for card in rows["card"]]


def test_too_few_weeks_are_said_in_a_sentence() -> None:
    with pytest.raises(ModelError, match="Mondays to learn from"):
        weeks.plan(FIRST, FIRST + timedelta(days=200), OWN)


def test_weeks_within_a_hole_are_neither_learned_from_nor_judged_on() -> None:
    hole = (date(2025, 9, 1), date(2025, 9, 30))
    own = OWN.model_copy(update={"holes": (hole,)})
    found = weeks.plan(FIRST, FIRST + timedelta(days=379), own)
    within = [day for day in (*found.learn, *found.test) if date(2025, 8, 26) <= day <= hole[1]]
    assert within == []
