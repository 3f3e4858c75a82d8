"""Messages that no well-behaved source sends, put straight into the topic of events."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any

import polars as pl
from confluent_kafka import Message, Producer

from lakehouse import kafka
from lakehouse.domains.cdr import names
from lakehouse.domains.cdr.contracts import MEASURES
from lakehouse.settings.kafka import KafkaSettings

Event = dict[str, Any]
STRANGERS = 40


def send(settings: KafkaSettings, values: list[bytes], at: datetime | None = None) -> None:
    """Write `values` in this order, with the broker's clock or with one of their own."""
    refused: list[str] = []
    producer = Producer(kafka.client_options(settings) | {"acks": "all"})
    stamp = {} if at is None else {"timestamp": int(at.timestamp() * 1000)}

    def told(error: object, _message: object) -> None:
        refused.extend([str(error)] if error else [])

    for value in values:
        producer.produce(names.TOPIC_EVENTS, value, on_delivery=told, **stamp)
        producer.poll(0)
    if producer.flush(60) or refused:
        raise AssertionError(f"the broker did not take all messages: {refused[:1]}")


def latest(settings: KafkaSettings, count: int) -> list[bytes]:
    """The last messages of the topic."""
    kept: list[Message] = []

    def keep(message: Message) -> None:
        kept.append(message)
        del kept[: -2 * count]

    kafka.read_all(settings, names.TOPIC_EVENTS, keep)
    return [message.value() or b"" for message in kept[-count:]]


def events(random: Random, name: str, day: date, days: int, count: int) -> list[Event]:
    """Good events of subscribers whom the world does not have, on `days` days up to `day`."""
    made = []
    for number in range(count):
        moment = datetime.combine(day - timedelta(days=random.randrange(days)), time(12), UTC)
        amounts = {
            measure.name: round(random.uniform(0, 500), 3)
            if measure.kind == "decimal"
            else random.randrange(50)
            for measure in MEASURES
        }
        made.append(
            {
                "id": 10**9 + number,
                "DP_DATE": _text(moment),
                "DP_MSISDN": f"8800000{random.randrange(STRANGERS):04d}",
                **amounts,
                "event_id": f"{name}:{number + 1}",
                "emitted_at": _text(datetime.now(UTC)),  # noqa: TID251 a source of its own
            }
        )
    return made


def rows(sent: list[Event]) -> pl.DataFrame:
    """Those events as the independent ledger counts them: User, Date and the measures."""
    frame = pl.DataFrame(sent)
    when = pl.col("DP_DATE").str.slice(0, 10).str.to_date()
    names_ = [measure.name for measure in MEASURES]
    return frame.select(pl.col("DP_MSISDN").alias("User"), when.alias("Date"), *names_)


def encoded(sent: list[Event]) -> list[bytes]:
    """Each event as JSON."""
    return [json.dumps(event).encode() for event in sent]


def of_next_version(event: Event, random: Random) -> bytes:
    """The same event from a newer source: unknown fields, another order, numbers as text."""
    items = [*event.items(), ("tariff", "flex"), ("cell", {"id": 7, "band": "n78"})]
    random.shuffle(items)
    return json.dumps(
        {key: str(value) if key.endswith("_COUNT") else value for key, value in items}
    ).encode()


def poison(good: Event, random: Random, count: int) -> list[bytes]:
    """`count` messages of many kinds that must never reach a table of events."""
    kinds: list[Callable[[Event], bytes]] = [
        lambda _: random.randbytes(40),
        lambda _: b"",
        lambda _: b"[1, 2",
        lambda _: b'"text"',
        lambda _: b"42",
        lambda e: _changed(e, DP_MSISDN="12ab"),
        lambda e: _changed(e, DP_MSISDN=None),
        lambda e: _changed(e, DP_DATE="yesterday"),
        lambda e: _changed(e, DP_DATE="2026-02-30T00:00:00Z"),
        lambda e: _changed(e, DP_MOC_COUNT=-1),
        lambda e: _changed(e, DP_MOC_COUNT=2.5),
        lambda e: _changed(e, DP_DATA_VOLUME="much"),
        lambda e: _changed(e, DP_DATE="1999-12-31T00:00:00Z"),
        lambda e: _without(e, "event_id"),
        lambda e: _changed(e, note="x" * 300_000),
    ]
    return [kinds[number % len(kinds)](good) for number in range(count)]


def _changed(event: Event, **values: Any) -> bytes:
    return json.dumps(event | values).encode()


def _without(event: Event, name: str) -> bytes:
    return json.dumps({key: value for key, value in event.items() if key != name}).encode()


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
