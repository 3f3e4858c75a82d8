"""From an event's stamp to a reader of what follows from it: three queries, four engines."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import numpy as np

from bench import topics
from bench.latency import door, line, samples, spark
from bench.latency.queries import BYTES, QUERIES, Job, Query
from bench.latency.samples import Samples
from bench.measure import Figure, Measurement, Name, Size, compare
from bench.opponents import flink
from bench.stand import Stand, scratch
from lakehouse.domain import Topic
from lakehouse.settings.kafka import KafkaSettings

OURS, MICRO_BATCH, REAL_TIME, FLINK = (
    "ours", "Spark micro-batch", "Spark real-time mode", "Flink SQL",
)  # fmt: skip
RATE, SECONDS = {"small": 200.0, "full": 1_000.0}, {"small": 3.0, "full": 45.0}
PARTITIONS = 2
FIGURES: dict[Query, Name] = {
    "stateless": "latency_stateless_p99_ms",
    "count": "latency_count_p99_ms",
    "join": "latency_join_p99_ms",
}


def run(size: Size, stand: Stand) -> list[Measurement]:
    """The 99th percentile of each engine's latencies, in milliseconds."""
    found: Samples = {}
    with stand.site() as own:
        for query in QUERIES:
            for engine in _engines(query):
                with _job(own.kafka, query) as job, _running(engine, stand, job):
                    taken = line.latencies(job, RATE[size], SECONDS[size])
                found[query, engine] = taken
                print(f"{query}, {engine}: {samples.told(taken)}", flush=True)
    if size == "full":
        samples.keep(found)
    return [
        _measurement(size, query, engine, found)
        for query in QUERIES
        for engine in _engines(query)[1:]
    ]


def _engines(query: Query) -> tuple[str, ...]:
    """Ours first. Real-time mode of this version of Spark refuses aggregations."""
    return (OURS, MICRO_BATCH, *([] if query == "count" else [REAL_TIME]), FLINK)


@contextmanager
def _job(kafka: KafkaSettings, query: Query) -> Iterator[Job]:
    name = f"views-{uuid.uuid4().hex[:8]}"
    both = [Topic(name, PARTITIONS), Topic(f"{name}-followed", PARTITIONS)]
    with scratch() as folder, topics.temporary(kafka, both):
        yield Job(query, kafka, both[0].name, both[1].name, folder)


def _running(engine: str, stand: Stand, job: Job) -> AbstractContextManager[None]:
    if engine == OURS:
        return door.running(job)
    if engine == FLINK:
        return flink.latency_query(job)
    mode: spark.Mode = "real-time" if engine == REAL_TIME else "micro-batch"
    return spark.running(stand.session(), job, mode)


def _measurement(size: Size, query: Query, engine: str, found: Samples) -> Measurement:
    ours, theirs = found[query, OURS], found[query, engine]
    text = f"{len(ours):,} events of {BYTES:,} bytes at {RATE[size]:,.0f} a second"
    return compare(
        Figure(FIGURES[query], "ms", False, text), engine,
        lambda: float(np.percentile(ours, 99)) / 1_000,
        lambda: float(np.percentile(theirs, 99)) / 1_000, 1,
    )  # fmt: skip
