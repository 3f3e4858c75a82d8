"""The alarm path on a real broker: decisions, refusals, restarts, and parts that are away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from cdrlake.services.kafka import KafkaBroker
from cdrlake.waiting import patiently_ended
from lakehouse import kafka
from lakehouse.children import die_with_parent
from lakehouse.domains.cards import names
from lakehouse.domains.cards.card_state import CardState, step
from lakehouse.domains.cards.messages import from_validated
from lakehouse.domains.settings import Settings
from lakehouse.settings import ROOT
from serving.stream_refusal import MOST_VALUE
from tests.integration.cards_plant import (
    START,
    Plant,
    Versions,
    decided,
    deciding,
    of,
    received,
    rows,
    send,
    wait_for_decisions,
)
from tests.integration.conftest import wait_for


@pytest.fixture
def topics(settings: Settings, broker: KafkaBroker, tmp_path: Path) -> Iterator[Settings]:
    """Plant topics."""
    with Plant(settings, tmp_path) as own:
        yield own


def expected(transactions: list[dict[str, object]]) -> dict[str, tuple[float, ...]]:
    """Features of each transaction, by the same function in one undisturbed pass."""
    states: dict[str, CardState] = {}
    found: dict[str, tuple[float, ...]] = {}
    for row in transactions:
        moment = datetime.fromisoformat(str(row["trans_date_trans_time"])).replace(
            tzinfo=START.tzinfo
        )
        event = from_validated({**row, "trans_date_trans_time": moment}).event
        features = step(states.setdefault(event.card, CardState()), event)
        if features is not None:
            found[event.id] = features
    return found


def features_of(settings: Settings, sent: Sequence[dict[str, Any]]) -> dict[str, tuple[float, ...]]:
    return {key: tuple(row["features"]) for key, row in decided(settings, sent).items()}


def test_every_transaction_is_decided_once_and_poison_goes_to_quarantine(topics: Settings) -> None:
    sent = rows(cards=20, days=5, seed=11)
    poison = [b"\xff\x00", b'"text"', b'{"ordertime": 1, "orderid": 2}']
    doubled_and_late = [*sent, *sent[:30]]
    with deciding(topics) as door:
        send(topics, [*doubled_and_late, *poison])
        wait_for_decisions(topics, sent)
        wait_for(lambda: len(received(topics, names.TOPIC_REFUSED)) == 3, "the refusals")
    assert len(of(topics, sent)) == len(sent)
    assert door.tally.counts["repeated"] == 30
    assert features_of(topics, sent) == expected(doubled_and_late)
    reasons = {
        message.value(): dict(message.headers())["reasons"].decode()
        for message in received(topics, names.TOPIC_REFUSED)
    }
    assert reasons[poison[0]] == "not_json"
    assert reasons[poison[1]] == "not_object"
    assert reasons[poison[2]] == "missing_field"
    one = next(iter(decided(topics, sent).values()))
    assert one["decision"] in ("approve", "review", "block")
    assert one["is_fraud"] == int(one["score"] >= 0.5)


def test_a_message_that_no_producer_takes_is_refused_and_those_behind_it_are_decided(
    topics: Settings,
) -> None:
    """A broker takes more than a producer does by default, and whatever compresses to little."""
    sent = rows(cards=4, days=3, seed=15)
    options = {"message.max.bytes": 5_000_000, "compression.type": "lz4"}
    other = Producer(kafka.client_options(topics.kafka) | options)
    other.produce(names.TOPIC_TRANSACTIONS, b" " * 4_000_000, b"k" * 60_000)
    assert other.flush(60) == 0
    send(topics, list(sent))
    with deciding(topics):
        wait_for_decisions(topics, sent)
    refused = {
        one.value(): {name: value.decode() for name, value in one.headers()}
        for one in received(topics, names.TOPIC_REFUSED)
    }
    told = refused[b" " * MOST_VALUE]
    assert (told["reasons"], told["value_bytes"]) == ("too_large", "4000000")
    assert told["key_bytes"] == "60000"


def test_a_restart_continues_with_the_same_state(topics: Settings) -> None:
    sent = rows(cards=10, days=6, seed=12)
    half = len(sent) // 2
    send(topics, list(sent[:half]))
    with deciding(topics):
        wait_for_decisions(topics, sent[:half])
    snapshots = list(Path(topics.cards.snapshot_dir).iterdir())
    assert snapshots
    snapshots[0].write_bytes(b"damaged")  # this partition is restored from the topic alone
    send(topics, list(sent[half:]))
    with deciding(topics) as door:
        wait_for_decisions(topics, sent)
    assert door.tally.counts.get("restored", 0) > 0
    assert features_of(topics, sent) == expected(sent)
    assert len(of(topics, sent)) == len(sent)


def test_the_last_good_model_goes_on_without_a_registry(topics: Settings) -> None:
    sent = rows(cards=4, days=3, seed=13)
    versions = Versions()
    with deciding(topics, versions) as door:
        send(topics, list(sent[:5]))
        wait_for_decisions(topics, sent[:5])
        versions.away = True
        door.champion.refresh()
        versions.away, versions.number, versions.broken = False, 2, True
        door.champion.refresh()
        send(topics, list(sent[5:10]))
        wait_for_decisions(topics, sent[:10])
        versions.number, versions.broken = 3, False
        door.champion.refresh()
        send(topics, list(sent[10:15]))
        wait_for_decisions(topics, sent[:15])
    numbers = [decided(topics, sent)[row["trans_num"]]["model_version"] for row in sent[:15]]
    assert numbers == [1] * 10 + [3] * 5


def any_decided(settings: Settings, sent: Sequence[dict[str, Any]]) -> bool:
    return bool(of(settings, sent))


def start_process(settings: Settings, folder: Path, number: int) -> subprocess.Popen[bytes]:
    """A door as a process of its own, with the model of these tests."""
    place = folder / f"door-{number}.log"
    env = os.environ | {"CDRLAKE_CARDS__SNAPSHOT_DIR": settings.cards.snapshot_dir}
    with place.open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.integration.cards_door_process"],
            cwd=ROOT, env=env, stdout=log, stderr=log, preexec_fn=die_with_parent(),
        )  # fmt: skip


def has_partitions(folder: Path, number: int) -> bool:
    """Whether a door has joined the group, so that the partitions were shared out anew."""
    return b" partitions " in (folder / f"door-{number}.log").read_bytes()


def wait_to_join(folder: Path, number: int) -> None:
    wait_for(partial(has_partitions, folder, number), f"door {number} to join")


def test_killed_doors_and_rebalances_leave_no_gap(topics: Settings, tmp_path: Path) -> None:
    """Two doors share the topic; one is killed twice while transactions arrive."""
    sent = rows(cards=30, days=8, seed=14)
    lots = [sent[number::4] for number in range(4)]
    ordered = [one for lot in lots for one in sorted(lot, key=lambda row: row["unix_time"])]
    doors = [start_process(topics, tmp_path, number) for number in range(2)]
    try:
        for number in range(2):
            wait_to_join(tmp_path, number)
        for number, lot in enumerate(lots):
            send(topics, list(lot))
            if number in (1, 2):  # in the middle of its work
                victim = doors[number % 2]
                wait_for(partial(any_decided, topics, lot), "some decisions")
                victim.send_signal(signal.SIGKILL)
                patiently_ended(victim)
                doors[number % 2] = start_process(topics, tmp_path, number + 2)
            wait_for_decisions(topics, lot)
            if number in (1, 2):
                wait_to_join(tmp_path, number + 2)
    finally:
        for one in doors:
            one.terminate()
        codes = [patiently_ended(one) for one in doors]
    assert codes == [0, 0]
    assert features_of(topics, sent) == expected(ordered)
    every = of(topics, sent)
    # What was decided twice, was decided alike.
    assert {tuple(one["features"]) for one in every} == set(expected(ordered).values())
