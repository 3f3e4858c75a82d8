"""Commands on SQL pipelines: `cdrlake sql ...`. Spark does the work, in a process of its own."""

from __future__ import annotations

from typing import Annotated

import typer

from cdrlake import jobs
from lakehouse.domains import domain

sql = typer.Typer(no_args_is_help=True, help="SQL pipelines.")

Name = Annotated[str, typer.Argument(help="Domain whose SQL files in conf/pipelines to use.")]
Moment = Annotated[str, typer.Option("--from", help="Start of the period, in ISO format.")]
End = Annotated[str, typer.Option("--to", help="End of the period, in ISO format.")]
JOB = "sql_pipeline"


@sql.command()
def check(name: Name) -> None:
    """Say what is wrong with the files, with line and column; nothing is started."""
    jobs.run(JOB, "check", domain(name).name)


@sql.command()
def explain(name: Name) -> None:
    """Show who reads whom, the columns, watermarks, models and places of the rows."""
    jobs.run(JOB, "explain", domain(name).name)


@sql.command()
def test(name: Name) -> None:
    """Run the tests beside the SQL: given rows in, expected rows out, as batch and as stream."""
    jobs.run(JOB, "test", domain(name).name)


@sql.command()
def run(
    name: Name,
    once: Annotated[bool, typer.Option("--once", help="Read what is available, then end.")] = False,
) -> None:
    """Run the files over the lake's streams until Ctrl-C."""
    jobs.run(JOB, "run", domain(name).name, *(["--once"] if once else []))


@sql.command()
def replay(name: Name, begin: Moment, end: End) -> None:
    """Run the files over the lake's history, and compare with what the stream has written."""
    jobs.run(JOB, "replay", domain(name).name, "--from", begin, "--to", end)
