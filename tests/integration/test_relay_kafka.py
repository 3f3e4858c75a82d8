"""The relay: what is committed reaches Kafka, exactly as it stands, whatever happens on the way."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from confluent_kafka import Message
from typer.testing import CliRunner

from cdrlake import cli
from cdrlake.cdr import cli_outbox
from flaskapp import outbox, streams
from flaskapp.bulk import open_uploader
from flaskapp.cdr import event_store, resend
from flaskapp.cdr.mappings.fields import EVENTS
from flaskapp.cdr.messages import KINDS
from flaskapp.relay import Relay
from lakehouse import kafka, mysql
from lakehouse.clock import SystemClock
from lakehouse.domains.cdr import contracts, names
from lakehouse.domains.settings import Settings
from lakehouse.errors import DatabaseError, ServiceError
from lakehouse.names import MYSQL_OUTBOX
from lakehouse.publisher import Publisher

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("broker")]
NOW = datetime(2026, 11, 20, 12, 0, 0, 250_000, UTC)


class Killed(BaseException):
    """Stands for the end of the process: nothing in the relay catches it."""


class DyingPublisher(Publisher):
    """Gets everything acknowledged, and dies before the relay can note it."""

    def flush(self, seconds: float) -> int:
        """Acknowledge, then die."""
        while super().flush(seconds):
            pass
        raise Killed


def send(settings: Settings, stream_id: str, *blocks: int) -> None:
    """Commit blocks of so many rows as a stream, each row with its number as the volume."""
    with open_uploader(settings) as uploader, uploader.connection.cursor() as cursor:
        streams.begin(cursor, stream_id, "cdr", "live", {}, NOW)
        first = 0
        for size in blocks:
            numbers = pl.int_range(first, first + size, eager=True)
            rows = pl.DataFrame(
                {name: [0] * size for name in contracts.MEASURE_NAMES}
                | {"DP_MSISDN": [f"9990000{n % 7:05}" for n in numbers], "DP_DATE": [NOW] * size}
            ).with_columns(DP_DATA_VOLUME=numbers + 0.1, DP_DATA_COUNT=pl.lit(1))
            typed = rows.select(pl.col(name).cast(kind) for name, kind in EVENTS.items())
            event_store.append(uploader, stream_id, typed, NOW, "UTC")
            first += size
        uploader.connection.commit()


def received(settings: Settings, stream_id: str, topic: str = names.TOPIC_EVENTS) -> list[Any]:
    """Messages of a stream: (partition, key, decoded value)."""
    found: list[Any] = []

    def keep(message: Message) -> None:
        value = json.loads(message.value() or b"", parse_float=Decimal)
        if value.get("event_id", "").startswith(f"{stream_id}:"):
            found.append((message.partition(), (message.key() or b"").decode(), value))

    kafka.read_all(settings.kafka, topic, keep)
    return found


def drain(settings: Settings, relay: Relay | None = None) -> Relay:
    """Relay until the outbox is empty."""
    made = relay or Relay(settings, SystemClock(), threading.Event(), KINDS)
    thread = threading.Thread(target=made.run)
    thread.start()
    while backlog(settings):
        made.stop.wait(0.02)
    made.stop.set()
    thread.join(10)
    return made


def backlog(settings: Settings) -> int:
    with mysql.connect(settings.mysql) as connection:
        return len(outbox.waiting(connection))


def test_every_committed_row_arrives_once_in_the_order_of_its_subscriber(fresh: Settings) -> None:
    send(fresh, "order", 40, 1, 300)
    relay = drain(fresh)
    found = received(fresh, "order")
    assert relay.status.published == 341
    assert sorted(int(v["event_id"].split(":")[1]) for _, _, v in found) == list(range(341))
    by_key: dict[str, list[int]] = {}
    for _, key, value in found:
        assert key == value["DP_MSISDN"]
        by_key.setdefault(key, []).append(int(value["event_id"].split(":")[1]))
    assert all(numbers == sorted(numbers) for numbers in by_key.values())
    assert len(by_key) == 7


def test_a_message_is_the_contract_exact_to_the_last_decimal(fresh: Settings) -> None:
    send(fresh, "exact", 3)
    drain(fresh)
    value = next(v for _, _, v in received(fresh, "exact") if v["event_id"] == "exact:2")
    assert sorted(value) == sorted(contracts.CDR_EVENT.names)
    assert value["DP_DATA_VOLUME"] == Decimal("2.100")
    assert value["DP_DATE"] == value["emitted_at"] == "2026-11-20T12:00:00.250000Z"
    assert isinstance(value["DP_DATA_COUNT"], int)


def test_a_relay_killed_after_the_acknowledgement_repeats_and_loses_nothing(
    fresh: Settings,
) -> None:
    send(fresh, "killed", 50, 50)
    dying = Relay(fresh, SystemClock(), threading.Event(), KINDS, DyingPublisher)
    with pytest.raises(Killed):
        dying.run()
    assert backlog(fresh) == 2
    drain(fresh)
    ids = [value["event_id"] for _, _, value in received(fresh, "killed")]
    assert len(ids) == 200
    assert len(set(ids)) == 100


def test_a_second_relay_stands_by_until_the_first_is_gone(fresh: Settings) -> None:
    name = f"{fresh.mysql.database}.relay"
    relay = Relay(fresh, SystemClock(), threading.Event(), KINDS)
    thread = threading.Thread(target=relay.run)
    with mysql.connect(fresh.mysql) as connection, mysql.lock(connection, name):
        send(fresh, "standby", 5)
        thread.start()
        while relay.status.state != "standby":
            relay.stop.wait(0.02)
        assert received(fresh, "standby") == []
    while backlog(fresh):
        relay.stop.wait(0.02)
    relay.stop.set()
    thread.join(10)
    assert len(received(fresh, "standby")) == 5


def test_blocks_committed_out_of_order_leave_no_gap(fresh: Settings) -> None:
    """An entry with a lower id that commits later must not be skipped."""
    with mysql.connect(fresh.mysql) as late, late.cursor() as cursor:
        streams.begin(cursor, "late", "cdr", "live", {}, NOW)
        late.commit()
        cursor.execute(
            f"INSERT INTO {MYSQL_OUTBOX} "
            "(kind, stream_id, first_sequence, last_sequence, created_at) "
            "VALUES ('outcome', 'late', 0, 0, UTC_TIMESTAMP(3))"
        )
        cursor.execute(
            f"INSERT INTO {names.MYSQL_OUTCOMES} VALUES "
            "('99900000001', '2026-05-01', 1, '2026-06-01', 'late', 0)"
        )
        send(fresh, "early", 3)
        drain(fresh)
        late.commit()
    assert backlog(fresh) == 1
    relay = drain(fresh)
    assert relay.status.published == 1
    found: list[Any] = []

    def keep(message: Message) -> None:
        # Other tests send what is no JSON to the same topic.
        with suppress(ValueError):
            found.append(json.loads(message.value() or b""))

    kafka.read_all(fresh.kafka, names.TOPIC_OUTCOMES, keep)
    assert {
        "DP_MSISDN": "99900000001",
        "date": "2026-05-01",
        "PSEUDO_CHURNED": 1,
        "known_at": "2026-06-01",
    } in found


def test_a_broker_that_refuses_is_an_error_and_not_a_loss(fresh: Settings) -> None:
    publisher = Publisher(fresh.kafka)
    publisher.send("no-such-topic", "key", b"{}")
    with pytest.raises(ServiceError, match="acknowledgement of every message"):
        while publisher.flush(1.0):
            pass


def test_rows_that_kafka_lost_are_sent_once_more(
    fresh: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resend, "BLOCK_ROWS", 7)
    send(fresh, "again", 30)
    drain(fresh)
    done = resend.resend(fresh, "again", 10, 25, SystemClock())
    assert (done.rows, backlog(fresh)) == (16, 3)
    drain(fresh)
    numbers = [int(v["event_id"].split(":")[1]) for _, _, v in received(fresh, "again")]
    assert sorted(numbers) == sorted([*range(30), *range(10, 26)])
    assert resend.resend(fresh, "again", 28, None, SystemClock()).last == 29


@pytest.mark.parametrize(
    ("stream", "first", "last", "says"),
    [
        ("agian", 0, None, "did you mean 'again'"),
        ("again", 2, 5, "expected rows 0 to 4, but got 2 to 5"),
        ("again", -1, 3, "got -1 to 3"),
        ("again", 3, 2, "got 3 to 2"),
        ("again", 0, 4, "expected all 5 rows from 0 to 4, but got 4"),
    ],
)
def test_rows_that_cannot_be_sent_once_more_are_named_and_nothing_is_put_in(
    fresh: Settings, stream: str, first: int, last: int | None, says: str
) -> None:
    send(fresh, "again", 5)
    drain(fresh)
    # Only an administrator can take rows out of the source.
    with (
        mysql.connect(fresh.mysql, admin=True) as connection,
        mysql.transaction(connection) as cursor,
    ):
        cursor.execute(f"DELETE FROM {fresh.mysql.database}.{names.MYSQL_RAW} WHERE sequence = 1")
    with pytest.raises(DatabaseError, match=says):
        resend.resend(fresh, stream, first, last, SystemClock())
    assert backlog(fresh) == 0


def test_the_command_says_what_waits(fresh: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli_outbox, "load", lambda: fresh)
    send(fresh, "again", 5)
    drain(fresh)
    asked = ["outbox", "resend", "--stream", "again", "--from", "1", "--to", "3"]
    result = CliRunner().invoke(cli.app, asked, catch_exceptions=False)
    assert result.stdout.startswith("3 rows of again (1 to 3) wait for the relay")
    assert backlog(fresh) == 1
