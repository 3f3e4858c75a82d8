"""`python -m bench.kills_fraud`: kill -9 the fraud pipeline at seeded moments, then compare.

Ingest, learner, join and training run in one process. Events and truth come in as many parts as it
is started, so each time there is work, and it is killed in the middle of it. An undisturbed process
then reads the same topics. Both must come to the same: the learner's state to the last byte, every
prediction, every joined row. For that to be asked, batches must be the same, so each has the same
number of messages of every partition.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from random import Random

import polars as pl
from confluent_kafka import Producer

from bench import mirrored
from bench.driver import PATIENCE_S, Pipeline, driver, in_service, waiting_for
from bench.faults import page
from bench.kills_page import Killed
from bench.stand import Stand
from cdrlake.waiting import patiently
from flaskapp.fraud import truth
from flaskapp.fraud.laws import Laws
from flaskapp.fraud.world import CardWorld
from lakehouse import kafka, mysql, store
from lakehouse.clock import SystemClock
from lakehouse.domains.fraud import FRAUD, names
from lakehouse.domains.fraud.contracts import EVENT
from lakehouse.domains.fraud.domain import PARTITIONS
from lakehouse.domains.fraud.settings import TruthSettings
from lakehouse.domains.settings import Settings
from lakehouse.names import table_uri
from pyspark_jobs.fraud.learner import States

SERVICE, MAIN = "fraud-pipeline", "fraud_pipeline"
BATCH = 250  # messages of each partition
DELAYS = TruthSettings(least_minutes=1, most_minutes=30, never=0, corrected=0.02)
ID = "message_id"
# Columns that say when a row was written, not what it holds.
OF_THE_RUN = {
    names.PREDICTIONS: ("prediction_ts", "scored_at", "prediction_latency", "backlog"),
    names.JOINED: ("joined_at", "prediction_ts", "prediction_latency"),
}
Due = Callable[[], bool]


@dataclass(frozen=True)
class Load:
    """All events and what is said about them; some truth is wrong at first, and corrected."""

    events: pl.DataFrame
    truth: pl.DataFrame

    @classmethod
    def of(cls, batches: int) -> Load:
        """Events for so many batches, which end some hours ago."""
        count = batches * BATCH * PARTITIONS
        rows = CardWorld(Laws.draw(1, 500, 0.01)).rows(0, count)
        begin = pl.lit(SystemClock().now()).cast(pl.Datetime("us", "UTC")) - pl.duration(hours=8)
        events = rows.with_columns(
            message_id=pl.format("kill:{}", pl.int_range(count)),
            ingest_ts=begin + (pl.col("Time") * 100_000).cast(pl.Duration("us")),
        )
        return cls(events, truth.told(events, DELAYS, (1,)))

    def parts(self, count: int) -> Iterator[Load]:
        """The same in parts of whole batches, each with all that is said about its events."""
        batches = len(self.events) // BATCH // PARTITIONS
        ends = [batches * number // count * BATCH * PARTITIONS for number in range(count + 1)]
        for begin, end in pairwise(ends):
            events = self.events[begin:end]
            yield Load(events, self.truth.join(events, on=ID, how="semi", maintain_order="left"))

    def send(self, settings: Settings) -> None:
        """Send all of it, to each partition as much as to any other."""
        _send(settings, names.TOPIC_EVENTS, self.events.select(EVENT.names), "account_number")
        _send(settings, names.TOPIC_TRUTH, self.truth, ID)


def _send(settings: Settings, topic: str, rows: pl.DataFrame, key: str) -> None:
    producer = Producer({**kafka.client_options(settings.kafka), "linger.ms": 20})
    moments = [name for name, kind in rows.schema.items() if isinstance(kind, pl.Datetime)]
    lines = rows.with_columns(pl.col(moments).dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")).write_ndjson()
    for number, (name, line) in enumerate(zip(rows[key], lines.splitlines(), strict=True)):
        producer.produce(topic, line, name, partition=number % PARTITIONS)
        if number % 10_000 == 0:
            producer.flush()
    producer.flush()


def pipeline(settings: Settings) -> Pipeline:
    """The pipeline, with batches that are the same in every run."""
    values = {
        "SPARK__MAX_OFFSETS_PER_TRIGGER": str(BATCH * PARTITIONS),
        # A batch of ingest is a file of each partition, and a batch of scoring one of ingest.
        "SPARK__MAX_FILES_PER_TRIGGER": str(PARTITIONS),
        "SPARK__TRIGGER_SECONDS": "0",
        "FRAUD__PROJECT_DIR": str(settings.state / "project"),
    }
    return Pipeline(MAIN, SERVICE, values)


def run(stand: Stand, kills: int, batches: int, seed: int) -> int:
    """Kill, compare, report; how many of the comparisons failed."""
    load = Load.of(batches)
    with stand.site(database=True) as disturbed:
        kafka.create_topics(disturbed.kafka, FRAUD.topics)
        calm = disturbed.model_copy(update={"state_dir": f"{disturbed.state_dir}/calm"})
        calm.state.mkdir()
        with mirrored.following(disturbed, FRAUD):
            disturb(disturbed, load, kills, Random(seed))
            waiting_for(partial(mirrored.is_level, disturbed, FRAUD), "the mirrors")
        _to_the_end(calm, load)
        return compare(disturbed, calm, load)


def disturb(settings: Settings, load: Load, kills: int, random: Random) -> None:
    """Start the pipeline for each part of the load, and kill it there; let the last one finish."""
    log, events, truth = settings.state / "pipeline.log", 0, 0
    for number, part in enumerate(load.parts(kills + 1)):
        part.send(settings)
        share = random.random()
        events_due, truth_due = events + share * len(part.events), truth + share * len(part.truth)
        events, truth = events + len(part.events), truth + len(part.truth)
        if number < kills:
            what, due = random.choice(_moments(settings, events_due, truth_due))
            with driver(settings, log, pipeline=pipeline(settings)):
                patiently(due, f"the moment of kill {number + 1}", PATIENCE_S, 0.02)
            print(f"kill {number + 1}: {what}", flush=True)
    _to_the_end(settings, load)


def _to_the_end(settings: Settings, load: Load) -> None:
    with driver(settings, settings.state / "pipeline.log", pipeline=pipeline(settings)):
        waiting_for(partial(_is_done, settings, load), f"the end of the run in {settings.state}")


def _moments(settings: Settings, events: float, truth: float) -> list[tuple[str, Due]]:
    """When to kill: a state was just written, so many rows are there, or service has begun."""
    states, batch = States(settings, settings.fraud.learner), int(events / BATCH / PARTITIONS)
    return [
        (f"state {batch} written", lambda: states.newest() >= batch),
        (f"{events:,.0f} events ingested", lambda: _rows(settings, names.BRONZE_EVENTS) > events),
        (f"{truth:,.0f} truths ingested", lambda: _rows(settings, names.BRONZE_TRUTH) > truth),
        (f"{events:,.0f} events scored", lambda: _rows(settings, names.PREDICTIONS) > events),
        (f"{events:,.0f} rows joined", lambda: _rows(settings, names.JOINED) > events),
        ("in service", lambda: in_service(settings, SERVICE)),
    ]


def compare(disturbed: Settings, calm: Settings, load: Load) -> int:
    """Print what was found; how many comparisons failed."""
    states = [States(one, one.fraud.learner) for one in (disturbed, calm)]
    print("newest batch:", " and ".join(str(one.newest()) for one in states), flush=True)
    hashes = [one.fingerprint() for one in states]
    failed = _check("state of the learner, SHA-256", hashes[0][:16], hashes[1][:16])
    for table, columns in OF_THE_RUN.items():
        left, right = (_cells(one, table, columns) for one in (disturbed, calm))
        failed += _check(f"{table}, cell by cell", left.equals(right), True)
        failed += _check(f"{table}, rows", len(left), len(load.events))
    joined = _cells(disturbed, names.JOINED, OF_THE_RUN[names.JOINED])
    wanted = load.events.select(ID, pl.col("Class")).sort(ID)
    failed += _check("newest truth of every event", joined.select(ID, "Class").equals(wanted), True)
    for topic in (names.TOPIC_PREDICTIONS, names.TOPIC_JOINED):
        failed += _check(f"ids on {topic}", len(_ids(disturbed, topic)), len(load.events))
    with mysql.connect(disturbed.mysql) as connection, connection.cursor() as cursor:
        for table in (names.MYSQL_PREDICTIONS, names.MYSQL_JOINED):
            cursor.execute(f"SELECT COUNT(*) FROM {table}")
            failed += _check(f"rows of {table} in MySQL", cursor.fetchone()[0], len(load.events))
    return failed


def _check(what: str, found: object, wanted: object) -> int:
    said = "as it must be" if found == wanted else f"DIFFERENT from {wanted}"
    print(f"{what}: {found}, {said}", flush=True)
    return int(found != wanted)


def _ids(settings: Settings, topic: str) -> set[bytes]:
    ids: set[bytes] = set()
    kafka.read_all(settings.kafka, topic, lambda message: ids.add(message.key() or b""))
    return ids


def _cells(settings: Settings, table: str, without: tuple[str, ...]) -> pl.DataFrame:
    rows = store.scan(table_uri(settings.lake_uri, table)).collect()
    return rows.drop(without).sort(ID)


def _is_done(settings: Settings, load: Load) -> bool:
    if not in_service(settings, SERVICE) or _rows(settings, names.BRONZE_TRUTH) < len(load.truth):
        return False
    counted = [_rows(settings, table) for table in OF_THE_RUN]
    return counted == [len(load.events)] * 2 and _labelled(settings) == len(load.events)


def _labelled(settings: Settings) -> int:
    """Joined rows that agree with the newest truth that bronze holds."""
    places = [table_uri(settings.lake_uri, table) for table in (names.JOINED, names.BRONZE_TRUTH)]
    joined, told = (store.scan(place).select(ID, "known_at") for place in places)
    newest = told.group_by(ID).agg(pl.col("known_at").max())
    return len(joined.join(newest, on=[ID, "known_at"]).collect())


def _rows(settings: Settings, table: str) -> int:
    return store.count(table_uri(settings.lake_uri, table))


def main() -> int:
    """Run from the command line; 0 when nothing differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--batches", type=int, default=90)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--publish", action="store_true")
    options = parser.parse_args()
    if options.batches <= options.kills:
        parser.error(f"--batches must be more than the {options.kills} kills: each needs some work")
    with Stand() as stand:
        differing = run(stand, options.kills, options.batches, options.seed)
    if options.publish:
        compared = f"{options.batches} batches: the learner's state, predictions and joined rows"
        page.publish_kills(
            Killed("make kills-fraud", "the pipeline of card fraud", options.kills, compared,
                   differing, options.seed)
        )  # fmt: skip
    return differing


if __name__ == "__main__":
    sys.exit(main())
