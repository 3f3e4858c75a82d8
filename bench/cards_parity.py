"""`make cards-parity`: a million decisions under restarts, held against the lake to the bit.

Two doors share the transactions of a world, which come out of order and some of them twice. One
after the other is killed or leaves in good order and comes back, so that cards move between them.
Then Spark reads both topics, computes every feature again, and scores with the same model.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from random import Random
from typing import Any, cast

from pyspark.sql import SparkSession

from bench import alarm_door
from bench.alarm_model import START, Versions
from bench.stand import Stand
from cdrlake.waiting import patiently, patiently_ended
from flaskapp.cards import stations
from flaskapp.cards.world.world import World
from lakehouse import kafka
from lakehouse.clock import SystemClock
from lakehouse.domains.cards import CARDS, names
from lakehouse.domains.settings import Settings
from lakehouse.publisher import Publisher
from lakehouse.registry import Registry
from pyspark_jobs.cards import transform
from pyspark_jobs.cards.parity import Parity, compare
from pyspark_jobs.ingest import ingest
from pyspark_jobs.ingest.ingest import Intake

CARDS_OF_WORLD, MIXED, DOUBLED = 50_000, 200, 0.01
PATIENCE_S = 300.0


def main() -> int:
    """0 if every transaction was decided, and every decision is found again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--transactions", type=int, default=1_000_000)
    parser.add_argument("--kills", type=int, default=10)
    options = parser.parse_args()
    with Stand() as stand, stand.site() as settings:
        kafka.create_topics(settings.kafka, CARDS.topics)
        sent = _decide(settings, options.transactions, options.kills)
        found = _held(stand.session("3g"), settings)
    print(
        f"{options.kills} kills in {sent:,} messages of {options.transactions:,} transactions: "
        f"{found.compared:,} decisions compared, {found.other_features} with other features, "
        f"{found.other_scores} with another score, {found.undecided} transactions undecided"
    )
    is_whole = found.compared == options.transactions and not found.undecided
    return 0 if found.holds and is_whole else 1


def _decide(settings: Settings, count: int, kills: int) -> int:
    """Send all transactions while doors come and go; returns how many messages were sent."""
    rng, never, sent = Random(1), threading.Event(), 0
    doors = [_start(settings) for _ in range(2)]
    try:
        for number, lot in enumerate(_lots(count, count // (kills + 1) + 1, rng)):
            if number:
                victim = number % 2
                doors[victim].send_signal(signal.SIGKILL if number % 3 else signal.SIGTERM)
                patiently_ended(doors[victim])
                doors[victim] = _start(settings)
            sent += _send(settings, lot)
            never.wait(rng.random())
            print(f"{sent:,} messages sent", flush=True)
        patiently(
            lambda: stations.lags(settings)[names.GROUP_DOOR] == 0, "all decisions", PATIENCE_S
        )
    finally:
        for door in doors:
            door.terminate()
        for door in doors:
            patiently_ended(door)
    return sent


def _lots(count: int, each: int, rng: Random) -> Iterator[list[dict[str, Any]]]:
    """The world's transactions, each lot mixed in small groups and with some of them twice."""
    days = 2.0 + 2.0 * count / (2.4 * CARDS_OF_WORLD)  # more than enough
    lot: list[dict[str, Any]] = []
    for number, one in enumerate(World(CARDS_OF_WORLD, start=START).transactions(days), 1):
        lot.append(one.row)
        if len(lot) == each or number == count:
            yield [row for group in _groups(lot) for row in _mixed(group, rng)]
            lot = []
        if number == count:
            return


def _groups(rows: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    for at in range(0, len(rows), MIXED):
        yield rows[at : at + MIXED]


def _mixed(group: list[dict[str, Any]], rng: Random) -> list[dict[str, Any]]:
    again = [row for row in group if rng.random() < DOUBLED]
    found = [*group, *again]
    rng.shuffle(found)
    return found


def _send(settings: Settings, rows: list[dict[str, Any]]) -> int:
    publisher = Publisher(settings.kafka)
    for row in rows:
        publisher.send(names.TOPIC_TRANSACTIONS, row["cc_num"], json.dumps(row))
    publisher.deliver()
    return len(rows)


def _start(settings: Settings) -> subprocess.Popen[bytes]:
    return alarm_door.start(settings, settings.state / "door-state", subprocess.DEVNULL)


def _held(spark: SparkSession, settings: Settings) -> Parity:
    clock = SystemClock()
    for feed in CARDS.feeds[:2]:
        intake = Intake(feed, settings.cards)
        ingest.start(spark, settings, intake, clock, None).awaitTermination()
    transform.start(spark, settings, None).awaitTermination()
    return compare(spark, settings, cast(Registry, Versions()))


if __name__ == "__main__":
    sys.exit(main())
