"""Spark jobs run from the command line: each in a process of its own, on this terminal."""

from __future__ import annotations

import subprocess
import sys

from cdrlake import submit
from cdrlake.console import Steps
from cdrlake.services import process, spark
from cdrlake.stack import Stack
from lakehouse.domains.settings import Settings, load
from lakehouse.errors import StreamError
from lakehouse.settings import ROOT


def run(job: str, *options: str) -> None:
    """Run `pyspark_jobs.jobs.<job>` to its end; raises `StreamError` when it fails.

    It runs on the cluster that `cdrlake up --cluster` has started, where there is one.
    """
    made = command(load(), job, *options)
    code = subprocess.run(list(made.args), cwd=made.cwd, env=made.env).returncode
    if code:
        raise StreamError(job, "to succeed", f"exit code {code}", "read its output above")


def ingest(*options: str) -> None:
    """Read the topics to their end.

    An installation that has stopped, for too many messages were bad or some are gone, has no
    broker either: database and broker then run for as long as this does.
    """
    settings = load()
    if process.find_running(settings.state):
        run("cdr_ingest", "--once", *options)
        return
    steps = Steps()
    with Stack(settings, steps) as stack:
        with steps:
            stack.start_servers()
        run("cdr_ingest", "--once", *options)


def command(settings: Settings, job: str, *options: str) -> process.Command:
    """How `job` is run here."""
    if spark.MASTER in process.find_running(settings.state):
        return submit.command(settings, job, *options)
    args = [sys.executable, "-m", f"pyspark_jobs.jobs.{job}", *options]
    return process.Command(job, args, cwd=ROOT)
