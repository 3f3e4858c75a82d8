"""A job on a real cluster of a master and two workers, one of them killed in mid-batch."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cdrlake import submit
from cdrlake.services import process
from cdrlake.services.jars import Jars, Java
from cdrlake.services.ports import free_ports
from cdrlake.services.spark import SparkCluster
from lakehouse import store
from lakehouse.children import die_with_parent
from lakehouse.domains.cdr import names
from lakehouse.domains.cdr.names import INGEST_EVENTS
from lakehouse.domains.settings import Settings, load
from lakehouse.names import table_uri
from tests.integration.conftest import wait_for
from tests.integration.test_streams_recover import events, own, send

__all__ = ["own"]
pytestmark = pytest.mark.integration

MEBIBYTE = 1024**2
# For so long Spark may wait, and do nothing, before it takes an executor for lost.
NETWORK_TIMEOUT_S = 120
KINDS = ("CoarseGrainedExecutorBackend", "Worker", "Master", "SparkSubmit", "daemon", "cdr_ingest")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Environment of an installation with a cluster, whose topics nobody else writes to."""
    ports = ("KAFKA__PORT", "KAFKA__CONTROLLER_PORT", "CLUSTER__PORT", "CLUSTER__PAGE_PORT")
    values = dict(zip(ports, map(str, free_ports(4)), strict=True))
    values |= {"STATE_DIR": str(tmp_path / "state"), "LAKE__URI": str(tmp_path / "lake")}
    values |= {"MYSQL__EMBEDDED": "false", "CLUSTER__DRIVER_MEMORY": "640m"}
    kept = {name: text for name, text in os.environ.items() if not name.startswith("CDRLAKE_")}
    return kept | {f"CDRLAKE_{name}": text for name, text in values.items()}


@pytest.fixture
def cluster(own: Settings, java: Java, resolved: Jars) -> Iterator[dict[str, process.Child]]:
    """The processes of a cluster by name: a master and two workers that it knows."""
    made = SparkCluster(own.cluster, own.state, java)
    submit.prepare(own)
    children = [made.start_master()]
    try:
        wait_for(made.healthy, "the master")
        children += [made.start_worker(number) for number in (1, 2)]
        wait_for(lambda: made.workers_alive() == 2, "the workers")
        yield {child.name: child for child in children}
    finally:
        for child in reversed(children):
            child.stop(10)


def start(settings: Settings, environment: dict[str, str], *words: str) -> process.Child:
    command = submit.command(settings, *words)
    added = {name: text for name, text in environment.items() if name.startswith("CDRLAKE_")}
    env = dict(command.env or {}) | added
    return process.Child(
        process.Command(command.name, command.args, env, command.cwd, True), settings.state
    )


def memory(children: list[process.Child]) -> str:
    """A line for each process of the children: what it is, and how much memory it has."""
    parts = [(child.name, part) for child in children for part in process.tree(child.pid)]
    sizes = [f"{process.memory_bytes(one) / MEBIBYTE:6.0f} MiB  {name}" for name, one in parts]
    kinds = [process.command_line(one) for _, one in parts]
    named = [next((kind for kind in KINDS if kind in line), "") for line in kinds]
    return "\n" + "".join(f"{size}: {kind}\n" for size, kind in zip(sizes, named, strict=True))


def in_batch(settings: Settings, number: int) -> bool:
    """Whether a batch has begun and not ended."""
    place = Path(INGEST_EVENTS.checkpoint(settings.lake_uri))
    begun, ended = (place / kind / str(number) for kind in ("offsets", "commits"))
    return begun.exists() and not ended.exists()


def works(worker: process.Child) -> bool:
    """Whether an executor on this worker has a Python that runs a task."""
    running = process.tree(worker.pid)
    return any("pyspark.daemon" in process.command_line(one) for one in running)


def test_the_executors_do_not_know_the_project_unless_it_is_shipped(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    submit.prepare(load(environment))
    folder = tmp_path / "state" / "spark" / "shipped"
    assert imports(folder, "polars, pyspark") == ""
    for room in ("pyspark_jobs", "lakehouse"):
        assert f"No module named '{room}'" in imports(folder, room)
        assert imports(folder, room, PYTHONPATH=str(folder / submit.ARCHIVE)) == ""


def imports(folder: Path, modules: str, **env: str) -> str:
    command = [str(folder / "python" / "bin" / "python"), "-c", f"import {modules}"]
    done = subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, preexec_fn=die_with_parent()
    )
    return done.stderr


def test_a_worker_killed_in_mid_batch_costs_no_message(
    own: Settings,
    environment: dict[str, str],
    cluster: dict[str, process.Child],
    capsys: pytest.CaptureFixture[str],
) -> None:
    first = events()
    send(own, first)
    job = start(own, environment, "cdr_ingest", "--once")
    try:
        worker = cluster["spark-worker-1"]
        wait_for(lambda: in_batch(own, 0) and works(worker), "a batch")
        with capsys.disabled():
            sys.stdout.write(memory([*cluster.values(), job]))
        os.kill(worker.pid, signal.SIGKILL)
        assert in_batch(own, 0)
        wait_for(lambda: not job.alive, "the end of the job", 2 * NETWORK_TIMEOUT_S)
        assert job.exit_code == 0, job.tail(20)
    finally:
        job.stop(30)
    rows = store.scan(table_uri(own.lake_uri, names.BRONZE_EVENTS)).collect()
    assert rows.height == len(first)
    assert rows.select("partition", "offset").n_unique() == len(first)
