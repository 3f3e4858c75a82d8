"""Flink SQL from Kafka to Parquet or to Kafka, in a virtual environment of its own.

There is no Delta sink that its current version loads, so it writes Parquet, which is less work.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import polars as pl
import pyspark

from bench.latency.queries import CATEGORY_OF, Job
from bench.opponents import apart
from cdrlake.services import jars
from lakehouse.domains.cdr import names
from lakehouse.settings import ROOT
from lakehouse.settings.kafka import KafkaSettings


@contextmanager
def ready(kafka: KafkaSettings, count: int) -> Iterator[apart.Ask]:
    """A running Flink for a topic of `count` events, one for each subscriber and day."""
    script = Path(__file__).with_name("sql.py")
    with apart.child(
        script, [kafka.bootstrap_servers, names.TOPIC_EVENTS], {"HADOOP_CLASSPATH": _classpath()}
    ) as ask:

        def checked(job: str, folder: Path) -> float:
            took = ask(job, folder)
            apart.expect("Flink", job, _rows(job, folder), count)
            return took

        yield checked


@contextmanager
def latency_query(job: Job) -> Iterator[None]:
    """A query that runs until the end."""
    script, categories = Path(__file__).with_name("latency.py"), job.folder / "categories.json"
    categories.write_bytes(msgspec.json.encode(CATEGORY_OF))
    given = [job.kafka.bootstrap_servers, job.topic_in, job.topic_out, str(categories)]
    with apart.child(script, given, {"HADOOP_CLASSPATH": _classpath()}) as ask:
        ask(job.query, job.folder / "checkpoints")
        yield


def _rows(job: str, folder: Path) -> int:
    """Finished rows below `folder`, or the events that its sums tell of."""
    out = pl.scan_parquet(folder / "part-*")
    number = pl.len() if job == "rows" else pl.col("events").sum()
    return int(out.select(number).collect().item())


def _classpath() -> str:
    """Flink's connectors, and of the jars that pyspark bundles those for Hadoop's file formats."""
    own = jars.resolve_extra("flink", apart.CACHE, ROOT / "conf", jars.find_java(), print)
    bundled = Path(pyspark.__file__).parent / "jars"
    found = [*own.glob("*.jar"), *bundled.glob("hadoop-client-*.jar"), *bundled.glob("slf4j-api*")]
    return os.pathsep.join(map(str, found))
