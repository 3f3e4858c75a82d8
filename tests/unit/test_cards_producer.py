"""The producer's queue on disk: nothing is lost or reordered while a part is away."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest

from flaskapp.cards.producer import Producer
from flaskapp.cards.source import Rows, body
from flaskapp.cards.unsent import Unsent
from lakehouse.clock import FixedClock
from lakehouse.domains.cards.normalise import Normalised
from lakehouse.errors import ServiceError, SourceError, TooLargeError
from lakehouse.pace import Pace
from lakehouse.publisher import Publisher
from lakehouse.settings.kafka import KafkaSettings

CLOCK = FixedClock(datetime(2026, 1, 1, tzinfo=UTC))
ROW = {"trans_num": "t", "cc_num": "4" * 16, "trans_date_trans_time": "2026-01-01 00:00:00"}


class Broker:
    """Stands for a publisher; acknowledges nothing while it is away.

    Its client takes messages of `sent` bytes, the broker those of `taken`.
    """

    def __init__(self, sent: int = 1_000_000, taken: int = 1_000_000) -> None:
        self.away = False
        self.arrived: list[bytes] = []
        self._handed: list[bytes] = []
        self._sent, self._taken = sent, taken

    def send(self, _: str, __: str | None, value: bytes) -> None:
        if len(value) > self._sent:
            raise TooLargeError("Kafka", "a message that it takes", "a larger one", "send less")
        self._handed.append(value)

    def deliver(self, _: float) -> None:
        handed, self._handed = self._handed, []
        if self.away:
            raise ServiceError("Kafka", "an acknowledgement", "none", "wait")
        if any(len(value) > self._taken for value in handed):
            raise TooLargeError("Kafka", "a message that it takes", "a larger one", "send less")
        self.arrived.extend(handed)

    def drop(self) -> None:
        self._handed = []


class Source:
    """Answers one transaction a call, numbered; raises while it is away."""

    def __init__(self) -> None:
        self.away, self.number = False, 0

    def __call__(self) -> bytes | None:
        if self.away:
            raise SourceError("source", "transactions", "nothing", "wait")
        self.number += 1
        return json.dumps({"cc_num": "4" * 16, "index": self.number}).encode()


def test_what_could_not_be_sent_is_sent_in_order_even_by_another_process(tmp_path: Path) -> None:
    broker, source = Broker(), Source()

    def producer() -> Producer:
        unsent = Unsent(tmp_path / "unsent.db")
        return Producer(source, unsent, cast(Publisher, broker), CLOCK, Pace(0, CLOCK))

    first = producer()
    first.poll()
    assert first.send() == 1
    broker.away = True
    for _ in range(3):
        first.poll()
        with pytest.raises(ServiceError):
            first.send()
    again = producer()
    again.poll()
    broker.away = False
    assert again.send() == 4
    assert [json.loads(value)["index"] for value in broker.arrived] == [1, 2, 3, 4, 5]
    assert again.send() == 0


def test_without_its_source_the_producer_sends_what_it_has(tmp_path: Path) -> None:
    broker, source = Broker(), Source()
    unsent = Unsent(tmp_path / "unsent.db")
    producer = Producer(source, unsent, cast(Publisher, broker), CLOCK, Pace(0, CLOCK))
    producer.poll()
    source.away = True
    assert producer.poll() == 0
    assert producer.send() == 1
    assert producer.counts.source_failures == 1


def test_a_source_whose_world_has_ended_sends_nothing_more(tmp_path: Path) -> None:
    broker, rows, calls = Broker(), Rows([ROW]), iter(range(1, 9))
    unsent = Unsent(tmp_path / "unsent.db")
    producer = Producer(
        lambda: body(rows.take(500), next(calls)), unsent, cast(Publisher, broker), CLOCK,
        Pace(0, CLOCK),
    )  # fmt: skip
    assert [producer.poll() for _ in range(4)] == [1, 0, 0, 0]
    assert (producer.send(), len(unsent)) == (1, 0)


@pytest.mark.parametrize("broker", [Broker(sent=100), Broker(taken=100)], ids=["client", "broker"])
def test_a_message_that_is_too_large_is_set_aside_and_holds_up_nothing(
    broker: Broker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bodies = iter([b'{"n":1}', b'"' + b"x" * 200 + b'"', b'{"n":2}'])
    unsent = Unsent(tmp_path / "unsent.db")
    producer = Producer(
        lambda: next(bodies), unsent, cast(Publisher, broker), CLOCK, Pace(0, CLOCK)
    )
    assert [producer.poll() for _ in range(3)] == [1, 1, 1]
    broker.away = True
    with pytest.raises(ServiceError):
        producer.send()
    broker.away = False
    while producer.send():
        pass
    assert broker.arrived == [b'{"n":1}', b'{"n":2}']
    assert (len(unsent), producer.counts.sent, producer.counts.set_aside) == (0, 2, 1)
    assert "message 2 of 202 bytes is set aside: Kafka: expected a message" in caplog.text
    with closing(sqlite3.connect(tmp_path / "unsent.db")) as file:
        (found,) = file.execute("SELECT number, value, reason FROM aside")
    assert (found[0], len(found[1]), "a larger one" in found[2]) == (2, 202, True)


def test_a_message_that_a_client_of_kafka_cannot_send_is_too_large_and_no_outage() -> None:
    nobody = Publisher(KafkaSettings(port=1))
    with pytest.raises(TooLargeError, match=r"max\.message\.bytes"):
        nobody.send("topic", None, b"x" * 1_000_001)


def test_the_queue_takes_all_of_an_answer_or_nothing(tmp_path: Path) -> None:
    unsent = Unsent(tmp_path / "unsent.db")
    broken = [Normalised("k", b"1"), Normalised("k", cast(bytes, None))]
    with pytest.raises(Exception, match="NOT NULL"):
        unsent.add(broken)
    assert len(unsent) == 0


def test_a_source_goes_on_where_it_stopped_and_repeats_its_last_answer(tmp_path: Path) -> None:
    rows = [{"trans_num": str(number)} for number in range(120)]
    place = tmp_path / "cards" / "source.txt"
    first = Rows(rows, place)
    assert [one["trans_num"] for one in first.take(3)] == ["0", "1", "2"]
    assert [one["trans_num"] for one in first.take(2)] == ["3", "4"]
    again = Rows(rows, place)  # nobody knows whether the last answer has arrived
    assert [one["trans_num"] for one in again.take(3)] == ["3", "4", "5"]
    everything = Rows(rows).take(1_000)
    assert len(everything) == 122 and len({one["trans_num"] for one in everything}) == 120
