"""The main path on a small world, as a user runs it: commands, HTTP, and a killed Spark process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import psutil
import pytest

from bench.installation import SMALL
from cdrlake.services.ports import free_ports
from cdrlake.services.process import find_running, tree
from cdrlake.waiting import patiently, patiently_ended
from lakehouse import mysql, store
from lakehouse.children import die_with_parent
from lakehouse.domains.cdr import names
from lakehouse.domains.settings import load
from lakehouse.names import table_uri
from lakehouse.settings import ROOT
from tests.e2e import exposure

pytestmark = pytest.mark.timeout(4 * 3600)  # whole installations, on any machine
SMALL_WORLD = SMALL | {"WORLD__SUBSCRIBERS": "250", "WORLD__REPLAY_DAYS": "4"}
PORTS = ("SIMULATOR", "MONITORING", "SERVING", "MYSQL", "KAFKA")


class Installation:
    """A scratch installation whose commands run as child processes."""

    def __init__(self, folder: Path) -> None:
        self.state, self.output = folder / "state", folder / "output"
        self.prepared = folder / "prepared"
        self.started: subprocess.Popen[str] | None = None
        self.ports = dict(zip((*PORTS, "CONTROLLER"), free_ports(6), strict=True))
        places = {
            "STATE_DIR": str(self.state),
            "MONITORING__OUTPUT_DIR": str(self.output),
            "LAKE__PROCESSED_DIR": str(self.prepared),
            "KAFKA__CONTROLLER_PORT": str(self.ports["CONTROLLER"]),
        }
        listening = {f"{name}__PORT": str(self.ports[name]) for name in PORTS}
        values = SMALL_WORLD | places | listening
        self.env = os.environ | {f"CDRLAKE_{name}": value for name, value in values.items()}

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "cdrlake.cli", *words]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words),
            env=self.env,
            capture_output=True,
            text=True,
            preexec_fn=die_with_parent(),
        )

    def start(self, *words: str) -> subprocess.Popen[str]:
        log = (self.state.parent / "command.log").open("w")
        self.started = subprocess.Popen(
            self.command(*words),
            env=self.env,
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=die_with_parent(),
        )
        return self.started

    def said(self) -> str:
        return (self.state.parent / "command.log").read_text(encoding="utf-8")

    def processes(self) -> list[psutil.Process]:
        """Whatever still runs on this installation's state, found by its environment."""
        return [process for process in psutil.process_iter() if self._owns(process)]

    def _owns(self, process: psutil.Process) -> bool:
        try:
            return bool(process.environ().get("CDRLAKE_STATE_DIR") == str(self.state))
        except psutil.Error:
            return False

    def get(self, service: str, path: str) -> Any:
        address = f"http://127.0.0.1:{self.ports[service]}{path}"
        with urllib.request.urlopen(address, timeout=10) as answer:
            return json.load(answer)


def wait_for(condition: Callable[[], bool], what: str, patience_s: float) -> None:
    patiently(condition, what, patience_s, 0.5)


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    made = Installation(tmp_path)
    yield made
    if made.started is not None and made.started.poll() is None:
        made.started.terminate()
        patiently_ended(made.started)
    left = find_running(made.state)
    for process in left.values():
        for part in tree(process.pid):
            part.kill()
    assert not left, f"left behind: {sorted(left)}"


def answers(installation: Installation, service: str, path: str) -> bool:
    try:
        installation.get(service, path)
    except OSError:
        return False
    return True


def test_the_demo_reconciles_and_leaves_no_process(installation: Installation) -> None:
    done = installation.run("demo")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "gold to score = scored" in done.stdout
    for name in ("performance_plot.png", "drift_plot.png", "report.html", "report.json"):
        assert (installation.output / name).stat().st_size > 0, name
    assert installation.processes() == []


def test_spark_killed_in_mid_stream_then_up_again_reconciles(installation: Installation) -> None:
    demo = installation.start("demo")
    wait_for(lambda: replaying(installation), "the stream", 180)
    find_running(installation.state)["pipeline"].send_signal(signal.SIGKILL)
    assert patiently_ended(demo) == 1
    assert "pipeline" in installation.said()
    again = installation.start("up")
    try:
        wait_for(
            lambda: "Ctrl-C stops" in installation.said() or again.poll() is not None, "up", 180
        )
        assert again.poll() is None, installation.said()
        wait_for(lambda: installation.run("ledger").returncode == 0, "the counts to agree", 120)
        nothing_is_exposed(installation)
        a_second_process_is_refused(installation)
        prepared_days_reach_the_database(installation)
    finally:
        again.terminate()
        assert patiently_ended(again) == 143


def a_second_process_is_refused(installation: Installation) -> None:
    """The queries run in the pipeline; another driver on their checkpoints would harm both."""
    done = installation.run("score")
    running = find_running(installation.state)["pipeline"].pid
    assert done.returncode == 1
    assert f"is run by another process already, pid {running}" in done.stderr


def prepared_days_reach_the_database(installation: Installation) -> None:
    """A batch run for some dates, beside the running queries: Parquet, Delta, and MySQL behind."""
    gold = table_uri(str(installation.state / "lake"), names.GOLD_FEATURES)
    day = str(store.scan(gold).select(pl.col("Date").max()).collect().item())
    command = [sys.executable, "pyspark_jobs/jobs/cdr_transform.py", "--start-date", day]
    done = subprocess.run(
        [*command, "--end-date", day], cwd=ROOT, env=installation.env, preexec_fn=die_with_parent()
    )
    assert done.returncode == 0
    copy = next(installation.prepared.glob("processed_data_*.parquet"))
    prepared = pl.read_parquet(copy).height
    assert prepared > 0
    wait_for(lambda: held(installation, day) == prepared, "the mirror of Processed_Data", 60)


def held(installation: Installation, day: str) -> int:
    """Rows of `Processed_Data` in MySQL on a date."""
    settings = load(installation.env)
    with mysql.connect(settings.mysql) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT COUNT(*) FROM {names.MYSQL_PROCESSED} WHERE Date = %s", (day,))
        return int(cursor.fetchone()[0])


def nothing_is_exposed(installation: Installation) -> None:
    state, processes = installation.state, installation.processes()
    assert len(processes) >= 6
    assert len(exposure.secrets_of(state)) == 2
    assert exposure.readable_secrets(state, installation.output) == []
    assert exposure.logged_secrets(state) == []
    assert exposure.told_secrets(processes, state) == []
    assert exposure.open_doors(processes) == []


def replaying(installation: Installation) -> bool:
    """Whether the replay has sent rows, and has some left to send."""
    if not answers(installation, "SIMULATOR", "/streams"):
        return False
    streams = installation.get("SIMULATOR", "/streams")["streams"]
    sending = [one for one in streams if one["mode"] == "replay" and one["state"] == "running"]
    return any(one["sent_rows"] > 0 for one in sending)
