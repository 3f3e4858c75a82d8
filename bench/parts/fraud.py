"""Card events from Kafka to predictions in Delta: read, judged, scored, learned; from nothing."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import msgspec
import numpy as np
import polars as pl
from pyspark.sql import SparkSession
from river import anomaly, preprocessing
from sklearn.ensemble import IsolationForest

from bench.events import messages, send
from bench.measure import ROUNDS, Figure, Measurement, Size, hold, seconds
from bench.stand import Stand, scratch, with_lake
from flaskapp.fraud.laws import Laws
from flaskapp.fraud.world import CardWorld
from lakehouse import kafka, store
from lakehouse.clock import SystemClock
from lakehouse.domains.fraud import FRAUD, names
from lakehouse.domains.fraud.contracts import EVENT, FEATURES
from lakehouse.domains.fraud.domain import EVENTS
from lakehouse.domains.settings import Settings
from lakehouse.names import table_uri
from lakehouse.registry import Registry
from lakehouse.registry.stores import MemoryStore
from pyspark_jobs.fraud import score
from pyspark_jobs.ingest import ingest
from pyspark_jobs.ingest.ingest import Intake

COUNT: dict[Size, int] = {"small": 6_000, "full": 2_000_000}
BAR, BLOCK = 100_000.0, 100_000
RIVER_ROWS: dict[Size, int] = {"small": 300, "full": 5_000}


def run(size: Size, stand: Stand) -> list[Measurement]:
    """Events a second until the predictions of all are committed."""
    with stand.site() as settings:
        kafka.create_topics(settings.kafka, FRAUD.topics)
        _fill(settings, COUNT[size])
        shares: list[tuple[float, float]] = []
        rate = partial(_rate, stand.session(), settings, COUNT[size], shares)
        text = f"{COUNT[size]:,} events of {len(FEATURES)} features, 10 trees of height 8"
        figure = Figure("fraud_events_per_second", "events/s", True, text)
        measured = hold(figure, BAR, rate, ROUNDS[size])
    reading, scoring = shares[-1]
    note = (
        f"the last round: ingest {reading:.1f} s, score and learn {scoring:.1f} s; in memory and "
        f"on one core, {_others(RIVER_ROWS[size])}"
    )
    return [msgspec.structs.replace(measured, note=note)]


def _fill(settings: Settings, count: int) -> None:
    """The topic with `count` events of a world, ten microseconds apart."""
    world = CardWorld(Laws.draw(1, 2_000, 0.005))
    origin = SystemClock().now() - timedelta(hours=1)
    for first in range(0, count, BLOCK):
        rows = world.rows(first, min(BLOCK, count - first))
        number = pl.int_range(first, first + len(rows), eager=True)
        moments = pl.Series([origin]).cast(pl.Datetime("us", "UTC")) + (number * 10).cast(
            pl.Duration("us")
        )
        frame = rows.with_columns(
            message_id=pl.lit("bench:") + number.cast(pl.String),
            ingest_ts=moments.dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"),
        ).select(EVENT.names)
        keys = frame["account_number"].to_list()
        send(settings, keys, messages(frame), names.TOPIC_EVENTS)


def _rate(
    spark: SparkSession, settings: Settings, count: int, shares: list[tuple[float, float]]
) -> float:
    with scratch() as folder:
        here, clock = with_lake(settings, folder), SystemClock()
        registry = Registry(MemoryStore(folder / "registry"), clock)
        reading = seconds(
            lambda: ingest.start(
                spark, here, Intake(EVENTS, here.fraud), clock, None
            ).awaitTermination()
        )
        scoring = seconds(
            lambda: score.start(spark, here, here.fraud, registry, clock, None).awaitTermination()
        )
        found = store.count(table_uri(here.lake_uri, names.PREDICTIONS))
        if found != count:
            raise RuntimeError(f"{found} predictions of {count} events")
        shares.append((reading, scoring))
        return count / (reading + scoring)


def _others(rows: int) -> str:
    """Rates of river (score, then learn) and of scikit-learn's isolation forest (score alone)."""
    values = np.random.default_rng(1).normal(size=(rows, len(FEATURES)))
    records = [dict(zip(FEATURES, row, strict=True)) for row in values.tolist()]
    model: Any = preprocessing.MinMaxScaler() | anomaly.HalfSpaceTrees(seed=42)

    def one_by_one() -> None:
        for record in records:
            model.score_one(record)
            model.learn_one(record)

    river = rows / seconds(one_by_one)
    forest = IsolationForest(n_estimators=10, random_state=1).fit(values)
    many = np.tile(values, (max(1, 20_000 // rows), 1))
    isolation = len(many) / seconds(lambda: forest.score_samples(many))
    return (
        f"river scores and learns {river:,.0f} rows/s and scikit-learn's isolation forest of 10 "
        f"trees scores {isolation:,.0f} rows/s"
    )
