"""Two stream doors share a topic; one after the other is killed: `make stream-kills`.

Readings arrive all the while. In between a door also leaves in good order and another comes, so
that partitions move both ways. In the end every reading must have been decided, what was decided
twice must have been decided alike, and the state of every machine must be the one of a single pass
that nobody disturbed, all of it to the bit.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import threading
import uuid
from dataclasses import dataclass
from pathlib import Path
from random import Random

import msgspec
import numpy as np
from confluent_kafka import Message

from bench.faults import page
from bench.kills_page import Killed
from bench.stand import Stand, scratch
from cdrlake.waiting import patiently, patiently_ended
from lakehouse import kafka
from lakehouse.children import die_with_parent
from lakehouse.domain import Topic
from lakehouse.models.linear import LinearScorer
from lakehouse.publisher import Publisher
from lakehouse.settings import ROOT
from lakehouse.settings.kafka import KafkaSettings
from serving.stream_state import Snapshots
from tests.toy.machine_stream import MODEL, Decision, Machine, Reading, describe, undisturbed

MACHINES, PARTITIONS = 40, 4


@dataclass(frozen=True)
class Result:
    """How it went; `other` are decisions unlike those of the single pass, `states` machines."""

    events: int
    missing: int
    repeated: int
    other: int
    states: int

    @property
    def holds(self) -> bool:
        """Whether nothing is missing and nothing is different."""
        return not (self.missing or self.other or self.states)


def run(broker: KafkaSettings, folder: Path, kills: int, each: int, seed: int = 1) -> Result:
    """Kill a door so many times, `each` readings apart."""
    name = f"machines-{uuid.uuid4().hex[:8]}"
    stream, rng = describe(name), Random(seed)
    topics = (stream.topic_in, stream.topic_out, stream.topic_refused)
    kafka.create_topics(broker, [Topic(topic, partitions=PARTITIONS) for topic in topics])
    readings = made(each * (kills + 2), rng)
    lots = [readings[at : at + each] for at in range(0, len(readings), each)]
    doors = [_start(broker, name, folder) for _ in range(2)]
    never = threading.Event()
    try:
        for number, lot in enumerate(lots):
            _send(broker, name, lot)
            if number in (0, len(lots) - 1):
                _await(broker, stream.topic_out, lot)
                continue
            # In the middle of its work: some of the lot is decided, and some is not.
            never.wait(rng.random() * 0.3)
            victim = rng.randrange(2)
            is_killed = number <= kills
            doors[victim].send_signal(signal.SIGKILL if is_killed else signal.SIGTERM)
            patiently_ended(doors[victim])
            doors[victim] = _start(broker, name, folder)
            if number % 3 == 0:  # in good order as well: the other one leaves and comes back
                doors[1 - victim].terminate()
                patiently_ended(doors[1 - victim])
                doors[1 - victim] = _start(broker, name, folder)
        _await(broker, stream.topic_out, readings)
    finally:
        for door in doors:
            door.terminate()
        for door in doors:
            patiently_ended(door)
    return _compared(broker, name, folder, readings)


def made(count: int, rng: Random) -> list[Reading]:
    """Readings of all machines in turn."""
    return [
        Reading(f"{n}", f"m{n % MACHINES}", n // MACHINES + 1, rng.gauss(4.0, 1.0))
        for n in range(count)
    ]


def _start(broker: KafkaSettings, name: str, folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "bench.machine_door", str(broker.port), name, str(folder)],
        cwd=ROOT, stderr=subprocess.DEVNULL, preexec_fn=die_with_parent(),
    )  # fmt: skip


def _send(broker: KafkaSettings, topic: str, readings: list[Reading]) -> None:
    publisher = Publisher(broker)
    for one in readings:
        publisher.send(topic, one.machine, msgspec.json.encode(one))
    publisher.deliver()


def _decided(broker: KafkaSettings, topic: str) -> list[Decision]:
    found: list[Decision] = []

    def keep(message: Message) -> None:
        found.append(msgspec.json.decode(message.value() or b"", type=Decision))

    kafka.read_all(broker, topic, keep)
    return found


def _await(broker: KafkaSettings, topic: str, readings: list[Reading]) -> None:
    wanted = {one.event_id for one in readings}

    def are_there() -> bool:
        return wanted <= {one.event_id for one in _decided(broker, topic)}

    patiently(are_there, f"{len(wanted):,} decisions", 120.0)


def _compared(broker: KafkaSettings, name: str, folder: Path, readings: list[Reading]) -> Result:
    stream = describe(name)
    decisions = _decided(broker, stream.topic_out)
    expected, machines = undisturbed(readings)
    rows = np.array([one.features for one in expected.values()])
    scores = LinearScorer(MODEL).score(rows)
    told = zip(expected.items(), scores.probability.tolist(), scores.prediction, strict=True)
    right = {
        key: Decision(key, one.features, score, bool(flag)) for (key, one), score, flag in told
    }
    snapshots = Snapshots(folder, kafka.topic_id(broker, name), Machine)
    kept = [snapshots.load(number) for number in range(PARTITIONS)]
    held = {key: state for one in kept if one is not None for key, state in one.entities.items()}
    return Result(
        events=len(readings),
        missing=len(right.keys() - {one.event_id for one in decisions}),
        repeated=len(decisions) - len(right),
        other=sum(one != right[one.event_id] for one in decisions),
        states=sum(held.get(key) != state for key, state in machines.items()),
    )


def main() -> int:
    """Run from the command line; returns 1 if anything is missing or different."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--each", type=int, default=5_000, help="readings between two kills")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--publish", action="store_true")
    given = parser.parse_args()
    with Stand() as stand, scratch() as folder, stand.site() as settings:
        found = run(settings.kafka, folder, given.kills, given.each, given.seed)
    print(
        f"{given.kills} kills in {found.events:,} readings: {found.missing} not decided, "
        f"{found.repeated:,} decided again, {found.other} decided otherwise; "
        f"{found.states} of {MACHINES} machines in another state"
    )
    if given.publish:
        compared = f"{found.events:,} readings: every decision, and every machine's state"
        differing = found.missing + found.other + found.states
        one = Killed("make stream-kills", "one of two stream services that share a topic",
                     given.kills, compared, differing, given.seed)  # fmt: skip
        page.publish_kills(one)
    return int(not found.holds)


if __name__ == "__main__":
    sys.exit(main())
