"""A scratch installation with a broker of its own, and usage events to fill its topics with."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from confluent_kafka import Producer

from cdrlake.services import jars
from cdrlake.services.kafka import KafkaBroker
from cdrlake.services.ports import free_ports
from cdrlake.waiting import Waiter
from lakehouse import kafka, names
from lakehouse.clock import SystemClock
from lakehouse.settings import ROOT, Settings
from lakehouse.settings.model import KafkaSettings, LakeSettings, MysqlSettings

MINUTE_S = 60.0
DAY_S = 86_400


@contextmanager
def site() -> Iterator[Settings]:
    """Settings of an empty installation in a temporary folder, its broker running."""
    resolved = jars.resolve(ROOT / ".cache", ROOT / "conf", jars.find_java(), print)
    port, controller = free_ports(2)
    with tempfile.TemporaryDirectory(prefix="cdrlake-bench-") as folder:
        settings = Settings(
            state_dir=f"{folder}/state",
            kafka=KafkaSettings(port=port, controller_port=controller),
            mysql=MysqlSettings(embedded=False),
        )
        settings.state.mkdir()
        broker = KafkaBroker(settings.kafka, settings.state, resolved.kafka, jars.find_java())
        child = broker.start()
        try:
            waiter = Waiter(SystemClock(), MINUTE_S, lambda: None)
            waiter.until(lambda: broker.healthy() or None, "the broker", 0.1)
            kafka.create_topics(settings.kafka, names.TOPICS)
            yield settings
        finally:
            child.stop(20)


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder of its own, removed in the end."""
    folder = Path(tempfile.mkdtemp(prefix="cdrlake-bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def with_lake(settings: Settings, folder: Path) -> Settings:
    """The same installation with another, empty lake."""
    return settings.model_copy(update={"lake": LakeSettings(uri=str(folder))})


def events(
    users: int, first: date, days: int, start: int = 0, seed: int = 1, name: str = "bench"
) -> pl.DataFrame:
    """One event for each subscriber and day, in order of day, as they stand in a message."""
    rng, count = np.random.default_rng(seed), users * days
    day = np.repeat(np.arange(days), users)
    moment = rng.integers(0, DAY_S * 1000, count) + day * DAY_S * 1000
    origin = datetime.combine(first, time(), UTC)
    when = pl.from_epoch(pl.Series(moment) + int(origin.timestamp() * 1000), "ms")
    when = when.dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
    number = pl.Series(np.arange(start, start + count))
    return pl.DataFrame(
        {
            "id": number,
            "DP_DATE": when,
            "DP_MSISDN": pl.Series(np.tile(45_000_000 + np.arange(users), days)).cast(pl.String),
            "DP_MOC_COUNT": rng.poisson(3, count),
            "DP_MOC_DURATION": rng.integers(0, 3_600_000, count) / 1000,
            "DP_MTC_COUNT": rng.poisson(3, count),
            "DP_MTC_DURATION": rng.integers(0, 3_600_000, count) / 1000,
            "DP_MOSMS_COUNT": rng.poisson(2, count),
            "DP_MTSMS_COUNT": rng.poisson(2, count),
            "DP_DATA_COUNT": rng.poisson(5, count),
            "DP_DATA_VOLUME": rng.integers(0, 10**12, count) / 1000,
            "event_id": f"{name}:" + number.cast(pl.String),
            "emitted_at": when,
        }
    )


def messages(frame: pl.DataFrame) -> list[bytes]:
    """Each row as the JSON of a message."""
    return frame.write_ndjson().encode().splitlines()


def send(
    settings: Settings,
    keys: Sequence[str],
    values: Sequence[bytes],
    topic: str = names.TOPIC_EVENTS,
) -> None:
    """Publish `values` and wait until the broker has them all."""
    options = {
        "linger.ms": 20,
        "queue.buffering.max.messages": 2_000_000,
        "compression.type": "lz4",
    }
    producer = Producer(kafka.client_options(settings.kafka) | options)
    for key, value in zip(keys, values, strict=True):
        producer.produce(topic, value, key)
    left = producer.flush(MINUTE_S)
    if left:
        raise RuntimeError(f"{left} messages were not taken by the broker")


def fill(settings: Settings, users: int, days: int, last: date) -> int:
    """Publish one event for each subscriber and day up to `last`; how many these are."""
    first = last - timedelta(days=days - 1)
    at_once = max(1, 500_000 // users)
    for done in range(0, days, at_once):
        some = min(at_once, days - done)
        frame = events(users, first + timedelta(days=done), some, done * users, seed=done)
        send(settings, frame["DP_MSISDN"].to_list(), messages(frame))
    return users * days
