"""From `topic_2` to the database, the investigators, alarms, and back as training rows."""

from __future__ import annotations

import csv
import io
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from cdrlake.cards import alarms as told
from cdrlake.cards import validated
from cdrlake.services.kafka import KafkaBroker
from flaskapp.cards import verdicts
from flaskapp.cards.investigate import create_app
from flaskapp.cards.record import Recorder
from lakehouse import kafka, mysql
from lakehouse.clock import SystemClock
from lakehouse.domains.cards import names
from lakehouse.domains.settings import Settings
from lakehouse.publisher import Publisher
from monitoring.alarms import Alarm, AlarmBook, Alarms, AlarmService, Outlet
from tests.integration.cards_plant import Plant, decided, deciding, rows, send, wait_for_decisions
from tests.integration.conftest import wait_for


@pytest.fixture
def plant(fresh: Settings, broker: KafkaBroker, tmp_path: Path) -> Iterator[Settings]:
    """An empty database, and decisions on the transactions of a small world."""
    with Plant(fresh, tmp_path) as settings:
        sent = rows(cards=12, days=6, seed=21)
        send(settings, [*sent, *sent[:5]])
        with deciding(settings):
            wait_for_decisions(settings, sent)
        yield settings


def record(settings: Settings, until: int) -> Recorder:
    """Run a recorder until the database has so many rows."""
    stop = threading.Event()
    recorder = Recorder(settings, SystemClock(), stop)
    thread = threading.Thread(target=recorder.run)
    thread.start()
    try:
        wait_for(lambda: count(settings) == until, "rows in the database")
    finally:
        stop.set()
        thread.join(60)
    assert not thread.is_alive()
    return recorder


def ask(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    with mysql.connect(settings.mysql) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found


def count(settings: Settings, where: str = "TRUE") -> int:
    (found,) = ask(settings, f"SELECT COUNT(*) FROM {names.MYSQL_TABLE} WHERE {where}")
    return int(found[0])


def test_decisions_become_rows_once_and_verdicts_become_training_rows(plant: Settings) -> None:
    wanted = decided(plant)
    publisher = Publisher(plant.kafka)
    again = next(iter(wanted.values()))
    publisher.send(names.TOPIC_DECISIONS, again["trans_num"], json.dumps(again | {"score": 0.0}))
    publisher.send(names.TOPIC_DECISIONS, None, b"no decision")
    publisher.deliver()
    record(plant, len(wanted))
    stored = dict(ask(plant, f"SELECT trans_num, score FROM {names.MYSQL_TABLE}"))
    assert stored == {key: row["score"] for key, row in wanted.items()}
    assert count(plant, "fraud_confirmed IS NULL") == len(wanted)
    client = create_app(plant, SystemClock()).test_client()
    waiting = client.get("/queue?limit=500").get_json()["transactions"]
    flagged = [key for key, row in wanted.items() if row["is_fraud"]]
    losses = [one["expected_loss"] for one in waiting[: len(flagged)]]
    assert {one["trans_num"] for one in waiting[: len(flagged)]} == set(flagged)
    assert losses == sorted(losses, reverse=True)
    assert client.get("/").status_code == 200
    assert client.get("/rows").text.count("<article") == min(len(waiting), 50)
    confirm_some(plant, client, flagged)


def test_what_cannot_be_a_row_is_counted_and_everything_around_it_is_recorded(
    plant: Settings,
) -> None:
    wanted = decided(plant)
    one = next(iter(wanted.values()))
    odd: list[dict[str, Any]] = [
        {"is_fraud": None}, {"merchant": "m" * 300}, {"score": float("nan")}, {"cc_num": [1]}
    ]  # fmt: skip
    publisher = Publisher(plant.kafka)
    for change in odd:
        message = json.dumps(one | {"trans_num": "odd"} | change)
        publisher.send(names.TOPIC_DECISIONS, None, message)
    last = one | {"trans_num": "last"}
    publisher.send(names.TOPIC_DECISIONS, "last", json.dumps(last))
    publisher.deliver()
    recorder = record(plant, len(wanted) + 1)
    assert count(plant, "trans_num = 'last'") == 1
    assert recorder.refused == 1
    assert recorder.unreadable >= 3  # and what other tests have sent


def confirm_some(plant: Settings, client: Any, flagged: Sequence[str]) -> None:
    yes, no = flagged[0], flagged[1]
    for key, verdict in ((yes, 0), (yes, 1), (no, 0)):
        body = {"trans_num": key, "fraud_confirmed": verdict}
        assert client.post("/confirm", json=body).get_json() == body
    assert client.post("/confirm", json={"trans_num": "x", "fraud_confirmed": 1}).status_code == 404
    odd = client.post("/confirm", json={"trans_num": yes, "fraud_confirmed": 2})
    assert (odd.status_code, "fraud_confirmed" in odd.get_json()["error"]) == (400, True)
    with mysql.connect(plant.mysql) as connection:
        text, weights = verdicts.validated(connection)
        assert verdicts.relay(connection, Publisher(plant.kafka)) == 3
        assert verdicts.relay(connection, Publisher(plant.kafka)) == 0
    found = {row["trans_num"]: row for row in csv.DictReader(io.StringIO(text))}
    assert {key: row["is_fraud"] for key, row in found.items()} == {yes: "1", no: "0"}
    assert list(next(iter(found.values())))[:3] == ["", "trans_date_trans_time", "cc_num"]
    assert len(next(iter(found.values()))) == 23
    assert "score" not in text
    assert weights.splitlines()[1:] == [f"{key},1.0" for key in found]
    place = plant.state / "validated"
    assert validated.save(plant, str(place)) == (2, f"{place}/validated.csv")


def test_the_database_may_be_away_and_nothing_is_lost(plant: Settings) -> None:
    away = plant.mysql.model_copy(update={"port": 1})
    stop = threading.Event()
    recorder = Recorder(plant.model_copy(update={"mysql": away}), SystemClock(), stop)
    thread = threading.Thread(target=recorder.run)
    thread.start()
    wait_for(lambda: recorder.outages > 1, "an outage")
    stop.set()
    thread.join(60)
    assert recorder.recorded == 0
    record(plant, len(decided(plant)))


def test_an_alarm_is_told_once_and_again_if_it_was_not_accepted(plant: Settings) -> None:
    flagged = {key for key, row in decided(plant).items() if row["is_fraud"]}
    attempts, heard = list[int](), list[str]()

    def tell(some: Sequence[Alarm]) -> None:
        attempts.append(len(some))
        if len(attempts) < 3:
            raise ConnectionError("nobody answers")
        heard.extend(one.id for one in some)
        assert told.text(some).startswith("Security alert - Fraud detected\n")

    for _ in range(2):  # a second process with the same file tells nobody again
        tell_all(plant, tell, lambda: len(heard) >= len(flagged))
    assert sorted(heard) == sorted(flagged)
    keys = list[Any]()
    kafka.read_all(plant.kafka, names.TOPIC_ALARMS, lambda one: keys.append(one.key().decode()))
    assert sorted(set(keys)) == sorted(flagged)


def tell_all(
    plant: Settings, tell: Callable[[Sequence[Alarm]], None], done: Callable[[], bool]
) -> None:
    """Run an alarm service until `done`, and until everything told is noted in the topic."""
    book = AlarmBook(plant.state / f"{plant.mysql.database}.db")
    alarms = Alarms("alarms-test", names.TOPIC_DECISIONS, names.TOPIC_ALARMS, told.read)
    service, stop = (
        AlarmService(alarms, plant.kafka, [Outlet(book, tell)], SystemClock()),
        threading.Event(),
    )
    thread = threading.Thread(target=service.run, args=(stop,))
    thread.start()
    try:
        wait_for(lambda: not book.unannounced(9) and done(), "alarms")
    finally:
        stop.set()
        thread.join(60)
