"""Usage events as they stand in messages, and the topic filled with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import polars as pl
from confluent_kafka import Producer

from lakehouse import kafka
from lakehouse.domains.cdr import names
from lakehouse.domains.settings import Settings

MINUTE_S = 60.0
DAY_S = 86_400


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


def history(users: int, first: date, days: int) -> Iterator[pl.DataFrame]:
    """An event of each subscriber on each day, in parts that fit into memory.

    The events of a day have ids of their own.
    """
    start = first.toordinal() * users
    at_once = max(1, 500_000 // users)
    for done in range(0, days, at_once):
        some = min(at_once, days - done)
        yield events(users, first + timedelta(days=done), some, start + done * users, seed=done)


def fill(
    settings: Settings,
    users: int,
    days: int,
    last: date,
    topic: str = names.TOPIC_EVENTS,
    extra: str | None = None,
) -> int:
    """Publish one event for each subscriber and day up to `last`; how many these are.

    With `extra` each message has a field of that name that no contract knows.
    """
    for frame in history(users, last - timedelta(days=days - 1), days):
        if extra is not None:
            frame = frame.with_columns(pl.lit("an unknown field").alias(extra))
        send(settings, frame["DP_MSISDN"].to_list(), messages(frame), topic)
    return users * days
