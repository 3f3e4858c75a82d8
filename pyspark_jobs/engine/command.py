"""The command line of a job that runs queries: options, session and exit code, the same for all."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from lakehouse.settings import Settings
from pyspark_jobs.engine import queries, runtime
from pyspark_jobs.engine.runtime import Job
from pyspark_jobs.engine.supervisor import Start

S = TypeVar("S", bound=Settings)
Starts = Callable[[Job[S], float | None], Iterable[Start]]
"""What starts the queries of a job, given the seconds between triggers, or None for `--once`."""


def plain_parser_of(main: Callable[..., int]) -> argparse.ArgumentParser:
    """A parser that knows only `--help`, described by the docstring of `main`."""
    return argparse.ArgumentParser(description=main.__doc__)


def parser_of(main: Callable[..., int]) -> argparse.ArgumentParser:
    """A parser with `--once`, described by the docstring of `main`."""
    parser = plain_parser_of(main)
    parser.add_argument("--once", action="store_true", help="read what is there, then end")
    return parser


def run(name: str, load: Callable[[], S], starts: Starts[S], once: bool) -> int:
    """Run the queries of the job `name` until told to stop, or `once`; its exit code."""
    with runtime.job(name, load) as job:
        every = None if once else queries.interval(job.settings.spark)
        for start in starts(job, every):
            job.supervisor.add(start)
        job.run(every)
    return job.exit_code


def main(
    of: Callable[..., int],
    name: str,
    load: Callable[[], S],
    starts: Starts[S],
    argv: Sequence[str] | None,
) -> int:
    """Parse `argv` for the main `of`, which needs no other option than `--once`, and run it."""
    return run(name, load, starts, parser_of(of).parse_args(argv).once)
