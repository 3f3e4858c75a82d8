"""From a transaction handed to a producer to its decision at a consumer: the door and Spark."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient
from pyspark.sql import SparkSession

from bench import alarm_door, topics
from bench.alarm_model import START, scorer
from bench.measure import Figure, Measurement, Size, compare, held, machine
from bench.stand import Stand
from cdrlake.waiting import patiently_ended
from flaskapp.cards.world.world import World
from lakehouse import kafka
from lakehouse.clock import SystemClock
from lakehouse.domains.cards import CARDS, names
from lakehouse.domains.cards.card_state import CardState, step
from lakehouse.domains.cards.messages import read_fast
from lakehouse.domains.settings import Settings
from pyspark_jobs.engine import readers

RATE = {"small": 200.0, "full": 1_000.0}
SECONDS = {"small": 5.0, "full": 600.0}
TIMES_FASTER = 10.0
CARDS_OF = {"small": 500, "full": 50_000}
SPARK_SECONDS = {"small": 5.0, "full": 60.0}
P50_MS, P99_MS, IDLE_S = 5.0, 30.0, 60.0
CLOCK, NEVER = SystemClock(), threading.Event()
Rows = list[dict[str, Any]]


def run(size: Size, stand: Stand) -> list[Measurement]:
    """Latencies at 1,000 transactions a second (200 at the small size), in milliseconds."""
    rate = RATE[size]
    with stand.site() as own:
        rows = _rows(CARDS_OF[size], int(rate * SECONDS[size]))
        with _topics(own), _door(own):
            found = _latencies(own, rows, rate)
        with _topics(own), _door(own):
            crowded = _latencies(own, rows, rate * TIMES_FASTER)
        some = rows[: int(rate * SPARK_SECONDS[size])]
        with _topics(own), _query(stand.session(), own):
            theirs = _latencies(own, some, rate)
    told = f"{len(found):,} transactions of {CARDS_OF[size]:,} cards at {rate:,.0f} a second"
    note = (
        f"forest of 100 trees and the card's state; the longest {found.max():,.0f} ms. The same "
        f"transactions at {rate * TIMES_FASTER:,.0f} a second: {_told(crowded)}"
    )
    p50, p99 = (float(np.percentile(found, share)) for share in (50, 99))
    spark = float(np.percentile(theirs, 50))
    said = (
        "the same forest without the card's state, in a micro-batch after the other; of "
        f"{len(theirs):,} transactions: {_told(theirs)}"
    )
    return [
        held(Figure("alarm_p50_ms", "ms", False, told, note), P50_MS, [p50]),
        held(Figure("alarm_p99_ms", "ms", False, told, note), P99_MS, [p99]),
        compare(
            Figure("alarm_vs_spark_micro_batch", "ms", False, told, said), "Spark micro-batch",
            lambda: p50, lambda: spark, 1,
        ),
    ]  # fmt: skip


def _told(found: Any) -> str:
    p50, p99 = np.percentile(found, (50, 99))
    return f"p50 {p50:,.0f} ms, p99 {p99:,.0f} ms, the longest {found.max():,.0f} ms"


def _rows(cards: int, count: int) -> Rows:
    """Messages of a world in order; a world of many cards is used from its beginning."""
    days = max(2.0 * count / (2.4 * cards), 0.05)
    found: Rows = []
    for one in World(cards, start=START).transactions(days):
        found.append(one.row)
        if len(found) == count:
            break
    return found


@contextmanager
def _topics(settings: Settings) -> Iterator[None]:
    with topics.temporary(settings.kafka, CARDS.topics):
        yield
    admin = AdminClient(kafka.client_options(settings.kafka))
    for gone in admin.delete_consumer_groups([names.GROUP_DOOR]).values():
        gone.exception(60)


@contextmanager
def _door(settings: Settings) -> Iterator[None]:
    folder = settings.state / "alarm-state" / str(time.time_ns())
    process = alarm_door.start(settings, folder)
    try:
        yield
    finally:
        process.terminate()
        patiently_ended(process)


@contextmanager
def _query(spark: SparkSession, settings: Settings) -> Iterator[None]:
    """Spark's micro-batches, one as soon as the other ends."""
    messages = readers.kafka_stream(spark, settings.kafka, names.TOPIC_TRANSACTIONS, 1_000_000)
    decided = messages.select("value").mapInArrow(_decide, "key binary, value binary")
    query = (
        decided.writeStream.format("kafka")
        .options(**readers.kafka_options(settings.kafka))
        .option("topic", names.TOPIC_DECISIONS)
        .option("checkpointLocation", str(settings.state / f"spark-{time.time_ns()}"))
        .trigger(processingTime="0 seconds")
        .start()
    )
    try:
        yield
    finally:
        query.stop()


def _decide(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    latest = SystemClock().now() + timedelta(days=1)
    for batch in batches:
        read = [read_fast(raw, latest) for raw in batch["value"].to_pylist()]
        events = [one.event for one in read if one is not None]
        if events:
            matrix = np.array([step(CardState(), one) for one in events])
            scores = scorer().score(matrix).probability.tolist()
            values = [json.dumps({"score": score}).encode() for score in scores]
            keys = [one.id.encode() for one in events]
            yield pa.record_batch({"key": pa.array(keys), "value": pa.array(values)})


def _latencies(settings: Settings, rows: Rows, rate: float) -> Any:
    """Milliseconds from handing each transaction over to its decision; the first second is left."""
    sent: dict[bytes, float] = {}
    heard: dict[bytes, float] = {}
    stop = threading.Event()
    hearing = threading.Thread(target=partial(_hear, settings, heard, stop))
    hearing.start()
    producer = Producer(kafka.client_options(settings.kafka) | {"linger.ms": 0, "acks": "all"})
    warm = rows[:50]
    _send(producer, warm, sent, rate)
    _await(heard, len(sent))
    _send(producer, rows[len(warm) :], sent, rate)
    _await(heard, len(sent))
    stop.set()
    hearing.join()
    measured = list(sent)[len(warm) + int(rate) :] or list(sent)[len(warm) :]
    return np.array([(heard[key] - sent[key]) * 1_000 for key in measured])


def _send(producer: Producer, rows: Rows, sent: dict[bytes, float], rate: float) -> None:
    begin = time.perf_counter()
    for number, row in enumerate(rows):
        ahead = begin + number / rate - time.perf_counter()
        if ahead > 0:
            producer.poll(0)
            CLOCK.wait(NEVER, ahead)
        value = json.dumps(row).encode()
        sent[row["trans_num"].encode()] = time.perf_counter()
        producer.produce(names.TOPIC_TRANSACTIONS, value, row["cc_num"])
    producer.flush(60)


def _hear(settings: Settings, heard: dict[bytes, float], stop: threading.Event) -> None:
    options = {"group.id": "bench", "auto.offset.reset": "earliest", "enable.auto.commit": False}
    consumer = Consumer(kafka.client_options(settings.kafka) | options)
    consumer.subscribe([names.TOPIC_DECISIONS])
    while not stop.is_set():
        message = consumer.poll(0.1)
        if message is not None and message.error() is None:
            heard.setdefault(message.key() or b"", time.perf_counter())
    consumer.close()


def _await(heard: dict[bytes, float], count: int) -> None:
    seen, at = len(heard), time.monotonic()
    while len(heard) < count:
        CLOCK.wait(NEVER, 0.05)
        if len(heard) > seen:
            seen, at = len(heard), time.monotonic()
        if time.monotonic() - at > IDLE_S:
            raise TimeoutError(f"{count - seen} decisions did not arrive on {machine()}")
