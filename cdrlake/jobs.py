"""Spark jobs run from the command line, each in its own process, on this terminal."""

from __future__ import annotations

import subprocess
import sys

from cdrlake import losses, submit
from cdrlake.console import CONSOLE, Steps
from cdrlake.services import process, spark
from cdrlake.stack import Stack
from lakehouse.children import die_with_parent
from lakehouse.clock import SystemClock
from lakehouse.domain import Domain
from lakehouse.domains.settings import Settings, load
from lakehouse.errors import ServiceError, StreamError
from lakehouse.settings import ROOT

ACCEPT_LOSS = "--accept-loss"


def run(job: str, *options: str) -> None:
    """Run `pyspark_jobs.jobs.<job>` to its end; raises `StreamError` when it fails.

    It runs on the cluster that `cdrlake up --cluster` has started, if there is one.
    """
    made = command(load(), job, *options)
    code = subprocess.run(
        list(made.args), cwd=made.cwd, env=made.env, preexec_fn=die_with_parent()
    ).returncode
    if code:
        raise StreamError.sentence(
            f"{job} ended with exit code {code}; its output above says why.",
            where=job,
            got=f"exit code {code}",
        )


def of(domain: Domain, task: str) -> str:
    """The job that does a task (`train`, `score`, `ingest`) for a domain.

    Raises `ServiceError` where the domain has no such job.
    """
    job = f"{domain.name}_{task}"
    folder = ROOT / "pyspark_jobs" / "jobs"
    if not (folder / f"{job}.py").exists():
        having = sorted(path.stem.removesuffix(f"_{task}") for path in folder.glob(f"*_{task}.py"))
        raise ServiceError.sentence(
            f"The domain {domain.name} has no job to {task}; these have: {', '.join(having)}."
        )
    return job


def ingest(domain: Domain, *options: str) -> None:
    """Read the domain's topics to their end.

    An installation that stopped because too many messages were bad or some are gone has no broker
    running either; in that case database and broker run for as long as this does.
    """
    settings, began = load(), SystemClock().now()
    if process.find_running(settings.state):
        run(of(domain, "ingest"), "--once", *options)
    else:
        steps = Steps()
        with Stack(settings, steps, domains=(domain,)) as stack:
            with steps:
                stack.start_servers()
            run(of(domain, "ingest"), "--once", *options)
    if ACCEPT_LOSS in options:
        for sentence in losses.accepted_since(settings, began):
            CONSOLE.print(sentence, soft_wrap=True)


def command(settings: Settings, job: str, *options: str) -> process.Command:
    """How `job` is run here."""
    if spark.MASTER in process.find_running(settings.state):
        return submit.command(settings, job, *options)
    args = [sys.executable, "-m", f"pyspark_jobs.jobs.{job}", *options]
    return process.Command(job, args, cwd=ROOT)
