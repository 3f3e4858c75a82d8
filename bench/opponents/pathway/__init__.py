"""Pathway from Kafka to JSON lines, in a virtual environment of its own, without a licence key.

Its Delta sink, like every columnar one, refuses to work without a key that one has to sign up for;
of those that it has without, the JSON lines written by its own engine are the nearest. That is less
work than Parquet, and no table: a reader has to add up the `diff` of each row himself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from bench.opponents import apart
from lakehouse.domains.cdr import names
from lakehouse.settings.kafka import KafkaSettings

THREADS = "2"
NOTE = "JSON lines, for its Delta sink asks for a licence key"


@contextmanager
def ready(kafka: KafkaSettings, count: int) -> Iterator[apart.Ask]:
    """A running Pathway for a topic of `count` events, one for each subscriber and day."""
    script = Path(__file__).with_name("dataflow.py")
    # An empty key, whatever the caller's environment holds: the free mode also reports to nobody.
    variables = {"PATHWAY_THREADS": THREADS, "PATHWAY_LICENSE_KEY": ""}
    source = [kafka.bootstrap_servers, names.TOPIC_EVENTS]
    with apart.child(script, source, variables) as ask:

        def checked(job: str, folder: Path) -> float:
            took = ask(job, folder)
            apart.expect("Pathway", job, _rows(job, folder), count)
            return took

        yield checked


def _rows(job: str, folder: Path) -> int:
    """Rows left of the stream of changes in `folder`, or the events that its sums tell of."""
    changes = pl.scan_ndjson(folder / f"{job}.jsonl")
    number = pl.col("diff") if job == "rows" else pl.col("diff") * pl.col("events")
    return int(changes.select(number.sum()).collect().item())
