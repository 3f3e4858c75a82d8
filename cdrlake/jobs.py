"""Spark jobs run from the command line: each in a process of its own, on this terminal."""

from __future__ import annotations

import subprocess
import sys

from cdrlake import submit
from cdrlake.services import process, spark
from lakehouse.errors import StreamError
from lakehouse.settings import ROOT, Settings, load


def run(job: str, *options: str) -> None:
    """Run `pyspark_jobs.jobs.<job>` to its end; raises `StreamError` when it fails.

    It runs on the cluster that `cdrlake up --cluster` has started, where there is one.
    """
    made = command(load(), job, *options)
    code = subprocess.run(list(made.args), cwd=made.cwd, env=made.env).returncode
    if code:
        raise StreamError(job, "to succeed", f"exit code {code}", "read its output above")


def command(settings: Settings, job: str, *options: str) -> process.Command:
    """How `job` is run here."""
    if spark.MASTER in process.find_running(settings.state):
        return submit.command(settings, job, *options)
    args = [sys.executable, "-m", f"pyspark_jobs.jobs.{job}", *options]
    return process.Command(job, args, cwd=ROOT)
