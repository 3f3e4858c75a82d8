"""The main path on a cluster: the tables that `local[2]` gives, also when a worker is killed.

Not part of `make test`, for it takes two demos: `make test-cluster`.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from cdrlake.services.ports import free_ports
from cdrlake.services.process import find_running, tree
from cdrlake.waiting import patiently_ended
from lakehouse import store
from lakehouse.clock import SystemClock, today
from lakehouse.domains.cdr import names
from lakehouse.domains.cdr.names import QUERIES
from lakehouse.names import table_uri
from tests.e2e.test_main_path import Installation, replaying, wait_for

# What differs between two runs of the same world: names of streams, moments, and the way taken.
VOLATILE = [
    "event_id",
    "emitted_at",
    "offset",
    "batch_id",
    "kafka_timestamp",
    "ingested_at",
    "event_hashes",
    "last_emitted_at",
    "run_id",
    "scored_at",
    "bucket",
]
TABLES = (
    names.BRONZE_EVENTS,
    names.BRONZE_OUTCOMES,
    names.SILVER_DAILY,
    names.GOLD_FEATURES,
    names.PREDICTIONS,
)
MINUTES = 60


@pytest.fixture
def installations(tmp_path: Path) -> Iterator[tuple[Installation, Installation]]:
    """Two scratch installations of one world, the second with a cluster."""
    made = [Installation(tmp_path / name) for name in ("local", "cluster")]
    # Of one date, should midnight pass between the two.
    start = today(SystemClock(), "UTC").replace(day=1)
    for one, name in zip(made, ("local", "cluster"), strict=True):
        (tmp_path / name).mkdir()
        ports = map(str, free_ports(2))
        one.env |= {
            "CDRLAKE_WORLD__START_DATE": str(start.replace(year=start.year - 1)),
            "CDRLAKE_CLUSTER__PORT": next(ports),
            "CDRLAKE_CLUSTER__PAGE_PORT": next(ports),
        }
    # One machine with one bucket, in its driver; the cluster with four, in its tasks.
    made[1].env |= {"CDRLAKE_SPARK__BUCKETS": "4", "CDRLAKE_SPARK__SMALL_BATCH_ROWS": "500"}
    yield made[0], made[1]
    for one in made:
        if one.started is not None and one.started.poll() is None:
            one.started.terminate()
            patiently_ended(one.started)
        for process in find_running(one.state).values():
            for part in tree(process.pid):
                part.kill()


@pytest.mark.timeout(240 * MINUTES)
def test_the_cluster_gives_the_tables_of_one_machine_though_a_worker_is_killed(
    installations: tuple[Installation, Installation], capsys: pytest.CaptureFixture[str]
) -> None:
    local, cluster = installations
    done = local.run("demo")
    assert done.returncode == 0, done.stdout + done.stderr
    demo = cluster.start("demo", "--cluster")
    wait_for(lambda: replaying(cluster) and in_batch(cluster), "a batch of the replay", 3 * MINUTES)
    killed = find_running(cluster.state)["spark-worker-1"]
    os.kill(killed.pid, signal.SIGKILL)
    assert patiently_ended(demo, 3 * MINUTES) == 0, cluster.said()
    with capsys.disabled():
        sys.stdout.write(cluster.said())
    for table in TABLES:
        mine, theirs = (rows(one, table) for one in (local, cluster))
        assert mine.height > 0, table
        assert mine.equals(theirs), f"{table}: {mine.height} rows, {theirs.height} on the cluster"


def in_batch(installation: Installation) -> bool:
    """Whether any query has begun a batch that it has not ended."""
    places = [Path(query.checkpoint(str(installation.state / "lake"))) for query in QUERIES]
    return any(numbers(place / "offsets") - numbers(place / "commits") for place in places)


def numbers(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("[0-9]*")}


def rows(installation: Installation, table: str) -> pl.DataFrame:
    frame = store.scan(table_uri(str(installation.state / "lake"), table)).collect()
    kept = frame.drop(VOLATILE, strict=False)
    return kept.select(sorted(kept.columns)).sort(pl.all())
