"""The main path on a cluster: the tables of `local[2]`, though worker and driver are killed.

Not part of `make test`, for it takes two demos: `make test-cluster`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from cdrlake.services.ports import free_ports
from cdrlake.services.process import find_running, tree
from cdrlake.waiting import patiently, patiently_ended
from lakehouse import store
from lakehouse.children import die_with_parent
from lakehouse.clock import SystemClock, today
from lakehouse.domains.cdr import names
from lakehouse.domains.cdr.names import QUERIES
from lakehouse.names import table_uri
from lakehouse.settings import ROOT
from pyspark_jobs.delta.files import WRITER
from tests.e2e.test_main_path import Installation, answers, replaying, wait_for

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
SMALL_BATCH_ROWS = 500


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
    made[1].env |= {
        "CDRLAKE_SPARK__BUCKETS": "4",
        "CDRLAKE_SPARK__SMALL_BATCH_ROWS": str(SMALL_BATCH_ROWS),
    }
    yield made[0], made[1]
    for one in made:
        if one.started is not None and one.started.poll() is None:
            one.started.terminate()
            patiently_ended(one.started)
        for process in find_running(one.state).values():
            for part in tree(process.pid):
                part.kill()


@pytest.mark.timeout(240 * MINUTES)
def test_the_cluster_gives_the_tables_of_one_machine_though_worker_and_driver_are_killed(
    installations: tuple[Installation, Installation], capsys: pytest.CaptureFixture[str]
) -> None:
    local, cluster = installations
    done = local.run("demo")
    assert done.returncode == 0, done.stdout + done.stderr
    demo = cluster.start("demo", "--cluster")
    wait_for(lambda: replaying(cluster) and in_batch(cluster), "a batch of the replay", 3 * MINUTES)
    with maintained(cluster) as runs:
        os.kill(find_running(cluster.state)["spark-worker-1"].pid, signal.SIGKILL)
        driver = kill_driver_between_commits(cluster)
        assert patiently_ended(demo, 3 * MINUTES) == 1, cluster.said()
        again = cluster.start("up", "--cluster")
        try:
            wait_for(lambda: is_level(cluster), "all counts to agree", 10 * MINUTES)
            wait_for(lambda: 0 in runs, "a run of maintain", 10 * MINUTES)
            drivers = {driver, find_running(cluster.state)["pipeline"].pid}
        finally:
            again.terminate()
            assert patiently_ended(again, 3 * MINUTES) == 143
    with capsys.disabled():
        sys.stdout.write(cluster.said())
    for table in TABLES:
        mine, theirs = (rows(one, table) for one in (local, cluster))
        assert mine.height > 0, table
        assert mine.equals(theirs), f"{table}: {mine.height} rows, {theirs.height} on the cluster"
    for table in (names.FEATURE_CHANGES, names.PREDICTIONS):
        writers_are_the_workers(cluster, table, drivers)


@contextmanager
def maintained(installation: Installation) -> Iterator[list[int]]:
    """Compact, checkpoint and clean the tables again and again; the exit codes so far."""
    codes: list[int] = []
    over = threading.Event()
    command = [sys.executable, "pyspark_jobs/jobs/cdr_maintain.py"]

    def run() -> None:
        while not over.is_set():
            done = subprocess.run(command, cwd=ROOT, env=installation.env, check=False,
                                  capture_output=True, preexec_fn=die_with_parent())  # fmt: skip
            codes.append(done.returncode)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield codes
    finally:
        over.set()
        thread.join()


def kill_driver_between_commits(installation: Installation) -> int:
    """Kill the driver when it has committed silver and not yet what comes after; its process."""
    lake = str(installation.state / "lake")
    silver = table_uri(lake, names.SILVER_DAILY)
    before = store.version(silver, {}) or 0
    patiently(lambda: (store.version(silver, {}) or 0) > before, "a commit", 3 * MINUTES, 0.01)
    driver = find_running(installation.state)["pipeline"]
    pid = driver.pid
    for part in tree(pid):
        part.kill()
    return pid


def is_level(installation: Installation) -> bool:
    """Whether all has been replayed, and each station has the rows of the one before."""
    if not answers(installation, "SIMULATOR", "/streams") or replaying(installation):
        return False
    return installation.run("ledger").returncode == 0


def writers_are_the_workers(installation: Installation, table: str, drivers: set[int]) -> None:
    """Python processes of both workers wrote the table, the driver its small batches only."""
    place = table_uri(str(installation.state / "lake"), table)
    written: dict[int, list[int]] = {}
    for path in Path(place).rglob("part-*.parquet"):
        found = pq.read_metadata(path)
        writer = (found.metadata or {}).get(WRITER.encode())
        if writer is not None:  # not one of those that Spark has merged
            written.setdefault(int(writer.rpartition(b"/")[2]), []).append(found.num_rows)
    workers = written.keys() - drivers
    assert len(workers) >= 2, f"{table}: written by {written.keys()}, drivers {drivers}"
    for driver in drivers & written.keys():
        assert max(written[driver]) <= SMALL_BATCH_ROWS, f"{table}: {written[driver]}"


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
