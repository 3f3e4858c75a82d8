"""The command line of the jobs that read topics into bronze and quarantine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from lakehouse.settings import Settings
from pyspark_jobs.engine import command
from pyspark_jobs.engine.runtime import Job
from pyspark_jobs.engine.supervisor import Start
from pyspark_jobs.ingest import fast_json
from pyspark_jobs.ingest.ingest import Overrides

S = TypeVar("S", bound=Settings)
Starts = Callable[[Job[S], float | None, Overrides], Iterable[Start]]
"""What starts the queries of a job, given the seconds between triggers, or None for `--once`."""


def main(
    of: Callable[..., int],
    name: str,
    load: Callable[[], S],
    starts: Starts[S],
    argv: Sequence[str] | None,
) -> int:
    """Parse `argv` for the main `of`, which describes itself in its docstring, and run it."""
    parser = command.parser_of(of)
    parser.add_argument("--accept", action="store_true", help="quarantine any share of bad ones")
    parser.add_argument("--accept-loss", action="store_true", help="go on past a gap, on record")
    options = parser.parse_args(argv)
    if options.accept_loss and not options.once:
        # For ever after, gaps would be passed over that nobody has looked at.
        parser.error("--accept-loss needs --once")
    leave = Overrides(options.accept, options.accept_loss)
    fast_json.compile_ahead()
    return command.run(name, load, lambda job, every: starts(job, every, leave), options.once)
