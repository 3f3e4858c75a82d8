"""Spark jobs run from the command line: each in a process of its own, on this terminal."""

from __future__ import annotations

import subprocess
import sys

from lakehouse.errors import StreamError
from lakehouse.settings import ROOT


def run(job: str, *options: str) -> None:
    """Run `pyspark_jobs.jobs.<job>` to its end; raises `StreamError` when it fails."""
    command = [sys.executable, "-m", f"pyspark_jobs.jobs.{job}", *options]
    code = subprocess.run(command, cwd=ROOT).returncode
    if code:
        raise StreamError(job, "to succeed", f"exit code {code}", "read its output above")
