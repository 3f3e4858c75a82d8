"""Card events through the learner and the join, on tables written by hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from lakehouse.clock import FixedClock
from lakehouse.domains.fraud import contracts, names
from lakehouse.domains.fraud.contracts import FEATURES
from lakehouse.domains.fraud.domain import CARDS
from lakehouse.domains.fraud.settings import FraudSettings, LearnerSettings
from lakehouse.domains.settings import Settings
from lakehouse.errors import StreamError
from lakehouse.kinds import polars_schema
from lakehouse.names import table_uri
from lakehouse.registry import Registry
from lakehouse.registry.stores import MemoryStore
from pyspark_jobs.delta import tables
from pyspark_jobs.fraud import join, score
from pyspark_jobs.fraud.learner import Learned, States, binned

START = datetime(2026, 6, 1, tzinfo=UTC)
CLOCK = FixedClock(START + timedelta(hours=2))
OWN = FraudSettings(learner=LearnerSettings(trees=5, height=4, window=100))


def events(first: int, count: int, seed: int = 1) -> pl.DataFrame:
    """Events a second apart, as bronze keeps them."""
    rng = np.random.default_rng([seed, first])
    kinds: Any = polars_schema(contracts.BRONZE_EVENTS)
    moments = [START + timedelta(seconds=n) for n in range(first, first + count)]
    values = rng.normal(size=(count, len(FEATURES)))
    values[:, -1] = np.abs(values[:, -1]) * 50
    frame = pl.DataFrame(dict(zip(FEATURES, values.T, strict=True))).with_columns(
        message_id=pl.Series([f"s:{n}" for n in range(first, first + count)]),
        account_number=pl.Series([f"{1_000_000 + n % 7}" for n in range(count)]),
        Time=pl.int_range(first, first + count).cast(pl.Float64),
        ingest_ts=pl.Series(moments),
        event_date=pl.Series(moments).dt.date(),
        extras=pl.lit(None),
        topic=pl.lit(names.TOPIC_EVENTS),
        partition=pl.int_range(count) % 6,
        offset=pl.int_range(first, first + count),
        kafka_timestamp=pl.Series(moments),
        batch_id=pl.lit(0),
        ingested_at=pl.Series(moments),
    )
    return frame.select(contracts.BRONZE_EVENTS.names).cast(kinds)


def truth(rows: Sequence[tuple[str, int, int]], offset: int = 0) -> pl.DataFrame:
    """Truth as bronze keeps it: message id, class, seconds after the start."""
    kinds: Any = polars_schema(contracts.BRONZE_TRUTH)
    moments = [START + timedelta(seconds=at) for _, _, at in rows]
    frame = pl.DataFrame(
        {
            "message_id": [name for name, _, _ in rows],
            "Class": [label for _, label, _ in rows],
            "known_at": pl.Series(moments, dtype=pl.Datetime("us", "UTC")),
        }
    ).with_columns(
        known_date=pl.col("known_at").dt.date(), extras=pl.lit(None),
        topic=pl.lit(names.TOPIC_TRUTH), partition=pl.lit(0),
        offset=pl.int_range(offset, offset + len(rows)), kafka_timestamp=pl.col("known_at"),
        batch_id=pl.lit(0), ingested_at=pl.col("known_at"),
    )  # fmt: skip
    return frame.select(contracts.BRONZE_TRUTH.names).cast(kinds)


def add(lake: Settings, table: str, rows: pl.DataFrame) -> None:
    data = rows.to_arrow(compat_level=pl.CompatLevel.oldest())
    write_deltalake(table_uri(lake.lake_uri, table), data, mode="append")


def read(lake: Settings, table: str) -> pl.DataFrame:
    return pl.read_delta(table_uri(lake.lake_uri, table))


def prepared(lake: Settings) -> Registry:
    tables.create_missing(
        lake, contracts.BRONZE_EVENTS, contracts.BRONZE_TRUTH, contracts.QUARANTINE_TRUTH,
        contracts.PREDICTIONS, contracts.WAITING, contracts.JOINED,
    )  # fmt: skip
    return Registry(MemoryStore(lake.state / "registry"), CLOCK)


def run(query: StreamingQuery) -> None:
    query.awaitTermination()
    assert query.exception() is None


def run_score(spark: SparkSession, lake: Settings, registry: Registry) -> None:
    run(score.start(spark, lake, OWN, registry, CLOCK, None))


def run_join(spark: SparkSession, lake: Settings, own: FraudSettings = OWN) -> None:
    run(join.start(spark, lake, own, CLOCK, None))


def test_each_batch_is_scored_by_what_was_learned_before_it(
    spark: SparkSession, lake: Settings
) -> None:
    registry = prepared(lake)
    batches = [events(first, 150) for first in (0, 150, 300)]
    for batch in batches:
        add(lake, names.BRONZE_EVENTS, batch)
        run_score(spark, lake, registry)
    expected = Learned.nothing(OWN.learner)
    scores: list[float] = []
    for number, batch in enumerate(batches):
        rows = batch.select(FEATURES).to_numpy()
        scores += expected.trees.score(rows).tolist()
        if not number:
            trees = expected.trees.widened(rows.min(axis=0), rows.max(axis=0))
            expected = Learned(trees, expected.scores)
        found = expected.trees.score(rows)
        masses = expected.trees.count_masses(rows)
        wider = expected.trees.widened(rows.min(axis=0), rows.max(axis=0))
        expected = Learned(wider.learn(masses, len(rows)), expected.scores + binned(found))
    stored = read(lake, names.PREDICTIONS).sort("ingest_ts")
    assert stored["score"].to_list() == scores
    assert stored["model_version"].unique().to_list() == [0]
    assert stored["prediction_latency"][0] == 7200.0
    kept = States(lake, OWN.learner).latest()
    assert kept is not None and kept.trees.rows == 450
    assert (kept.trees.latest == expected.trees.latest).all()
    assert (kept.trees.reference == expected.trees.reference).all()
    assert (kept.scores == expected.scores).all()


def test_a_repeated_message_is_scored_once_and_learned_once(
    spark: SparkSession, lake: Settings
) -> None:
    registry = prepared(lake)
    first, second = events(0, 120), events(120, 100)
    add(lake, names.BRONZE_EVENTS, first)
    run_score(spark, lake, registry)
    # Some again from the batch before, some twice in this one.
    add(lake, names.BRONZE_EVENTS, pl.concat([second, first[100:], second[:10]]))
    run_score(spark, lake, registry)
    stored = read(lake, names.PREDICTIONS)
    assert sorted(stored["message_id"]) == sorted(f"s:{n}" for n in range(220))
    kept = States(lake, OWN.learner).latest()
    assert kept is not None and kept.trees.rows == 220 == kept.scores.sum()
    assert kept.trees.reference[:, 0].tolist() == [100] * 5


def test_a_replayed_batch_gives_the_same_bytes_wherever_it_was_interrupted(
    spark: SparkSession, lake: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = prepared(lake)
    scoring = score.Scoring(lake, OWN, registry, CLOCK)
    frames = [spark.createDataFrame(events(n, 150).to_arrow()) for n in (0, 150, 300)]
    scoring.write_batch(frames[0], 0)
    scoring.write_batch(frames[1], 1)
    undisturbed = States(lake, OWN.learner).fingerprint()

    def dies(*_: object) -> None:
        raise RuntimeError("killed")

    class Killed(score.Scoring):
        """Dies after the state is kept, before the predictions are committed."""

    again = Killed(lake, OWN, registry, CLOCK)
    monkeypatch.setattr(again._table, "append_files", dies)
    with pytest.raises(RuntimeError, match="killed"):
        again.write_batch(frames[2], 2)
    after_death = States(lake, OWN.learner).fingerprint()
    assert after_death != undisturbed
    restarted = score.Scoring(lake, OWN, registry, CLOCK)
    mixed: DataFrame = frames[2].repartition(5)
    restarted.write_batch(mixed, 2)
    assert States(lake, OWN.learner).fingerprint() == after_death
    restarted.write_batch(frames[2], 2)
    assert States(lake, OWN.learner).fingerprint() == after_death
    assert len(read(lake, names.PREDICTIONS)) == 450
    # A batch of no rows adds nothing to what is known.
    restarted.write_batch(frames[2].limit(0), 3)
    assert States(lake, OWN.learner).newest() == 3
    assert States(lake, OWN.learner).fingerprint() == after_death
    assert len(read(lake, names.PREDICTIONS)) == 450


def test_a_checkpoint_or_a_state_that_was_lost_stops_the_query(
    spark: SparkSession, lake: Settings
) -> None:
    registry = prepared(lake)
    frame = spark.createDataFrame(events(0, 20).to_arrow())
    scoring = score.Scoring(lake, OWN, registry, CLOCK)
    for batch in range(3):
        scoring.write_batch(spark.createDataFrame(events(batch * 20, 20).to_arrow()), batch)
    with pytest.raises(StreamError, match="checkpoint that goes with"):
        scoring.write_batch(frame, 1)
    for path in (lake.state.parent / "lake" / "_states").rglob("*.state"):
        path.write_bytes(b"damaged")
    with pytest.raises(StreamError, match="the state of the learner after batch 2"):
        scoring.write_batch(frame, 3)


def joined(lake: Settings) -> dict[str, int]:
    rows = read(lake, names.JOINED)
    assert rows["message_id"].is_unique().all()
    return dict(rows.select("message_id", "Class").rows())


def test_truth_joins_in_any_order_and_the_newest_word_counts(
    spark: SparkSession, lake: Settings
) -> None:
    registry = prepared(lake)
    add(lake, names.BRONZE_EVENTS, events(0, 50))
    run_score(spark, lake, registry)
    # Doubled, corrected in the order of time and against it, and one that is before its event.
    add(lake, names.BRONZE_TRUTH, truth([
        ("s:1", 0, 600), ("s:1", 0, 600), ("s:2", 0, 600), ("s:2", 1, 900),
        ("s:3", 1, 900), ("s:60", 1, 700),
    ]))  # fmt: skip
    run_join(spark, lake)
    assert joined(lake) == {"s:1": 0, "s:2": 1, "s:3": 1}
    assert read(lake, names.WAITING_TRUTH)["message_id"].to_list() == ["s:60"]
    add(lake, names.BRONZE_TRUTH, truth([("s:3", 0, 800), ("s:1", 1, 950)], offset=6))
    add(lake, names.BRONZE_EVENTS, events(50, 20))
    run_score(spark, lake, registry)
    run_join(spark, lake)
    assert joined(lake) == {"s:1": 1, "s:2": 1, "s:3": 1, "s:60": 1}
    assert read(lake, names.WAITING_TRUTH).is_empty()
    labelled = read(lake, names.PREDICTIONS).filter(pl.col(CARDS.label).is_not_null())
    assert dict(labelled.select("message_id", "Class").rows()) == joined(lake)
    versions = DeltaTable(table_uri(lake.lake_uri, names.JOINED)).version()
    add(lake, names.BRONZE_TRUTH, truth([("s:1", 1, 950)], offset=8))
    run_join(spark, lake)
    assert DeltaTable(table_uri(lake.lake_uri, names.JOINED)).version() == versions


def test_truth_whose_event_never_came_ends_in_quarantine(
    spark: SparkSession, lake: Settings
) -> None:
    registry = prepared(lake)
    add(lake, names.BRONZE_EVENTS, events(0, 5))
    run_score(spark, lake, registry)
    add(lake, names.BRONZE_TRUTH, truth([("nobody", 1, -2 * 86_400), ("later", 1, 60)]))
    run_join(spark, lake, OWN.model_copy(update={"truth_days": 1}))
    refused = read(lake, names.QUARANTINE_TRUTH)
    assert refused.select("reasons", "offset").rows() == [("no_prediction", 0)]
    assert b"nobody" in refused["raw"][0]
    assert read(lake, names.WAITING_TRUTH)["message_id"].to_list() == ["later"]
