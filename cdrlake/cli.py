"""The command line: every command is a few lines over a function that lives elsewhere."""

from __future__ import annotations

import json
import os
import signal
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from cdrlake import cli_trace, jobs, runs, wipe
from cdrlake.cdr.cli_data import db
from cdrlake.cdr.cli_outbox import outbox
from cdrlake.cli_model import model
from cdrlake.cli_quarantine import refused
from cdrlake.console import CONSOLE, ERRORS
from lakehouse.domains.settings import Settings, load
from lakehouse.errors import CdrlakeError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.add_typer(db, name="db")
app.add_typer(model, name="model")
app.add_typer(refused, name="quarantine")
app.add_typer(outbox, name="outbox")

Csv = Annotated[list[Path] | None, typer.Option("--csv", help="Real file(s) instead of the world.")]
Mapping = Annotated[
    str | None, typer.Option(help="How the file's columns are read: conf/mappings.")
]
Profile = Annotated[str | None, typer.Option(help="Settings profile: conf/profiles.")]
Cluster = Annotated[bool, typer.Option("--cluster", help="Spark as master and workers.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def _settings(
    csv: list[Path] | None = None, mapping: str | None = None, profile: str | None = None
) -> Settings:
    """Settings with the command's own choices, which child processes inherit by environment."""
    if mapping is not None:
        os.environ["CDRLAKE_SOURCE__MAPPING"] = mapping
        profile = profile or runs.profile_of_mapping(mapping)
    if csv:
        files = [str(runs.readable(path)) for path in csv]
        os.environ["CDRLAKE_SOURCE__FILES"] = json.dumps(files)
    if profile is not None:
        os.environ["CDRLAKE_PROFILE"] = profile
    return load()


@app.command()
def demo(
    csv: Csv = None, mapping: Mapping = None, profile: Profile = None, cluster: Cluster = False
) -> None:
    """Run the main job: from one POST to a monitored churn prediction."""
    runs.demo(_settings(csv, mapping, profile), cluster)


@app.command()
def up(
    csv: Csv = None, mapping: Mapping = None, profile: Profile = None, cluster: Cluster = False
) -> None:
    """Start everything and leave it running until Ctrl-C."""
    runs.up(_settings(csv, mapping, profile), cluster)


@app.command()
def down() -> None:
    """Stop what `up` runs in another terminal."""
    runs.down(_settings())


@app.command()
def reset(yes: Yes = False) -> None:
    """Stop everything, wipe its state and what it wrote to the output; downloads stay."""
    settings = _settings()
    if not yes and not typer.confirm(f"Wipe {wipe.describe(settings)}?"):
        raise typer.Abort
    runs.reset(settings)


@app.command()
def status() -> None:
    """Show each process, each query's last batch and its lag."""
    runs.status(_settings())


@app.command()
def ledger() -> None:
    """Count the rows at every station and check that they agree."""
    runs.ledger(_settings())


@app.command()
def doctor() -> None:
    """Check what this machine has, and name what is missing."""
    runs.doctor(_settings())


@app.command()
def jars() -> None:
    """Fetch the jars that Spark and the embedded servers need, unless they are there."""
    runs.fetch_jars(_settings())


@app.command()
def topics() -> None:
    """Create the topics that are missing and list all with their message counts."""
    runs.topics(_settings())


@app.command()
def train() -> None:
    """Train a model on what the lake holds, and promote it if the gates let it pass."""
    jobs.run("cdr_train")


@app.command()
def score() -> None:
    """Score what gold holds and no prediction covers yet, then end."""
    jobs.run("cdr_score", "--once")


@app.command()
def ingest(
    accept: Annotated[
        bool, typer.Option("--accept", help="Take any share of bad messages.")
    ] = False,
    accept_loss: Annotated[
        bool, typer.Option("--accept-loss", help="Go on past a gap in a topic, on record.")
    ] = False,
) -> None:
    """Read what the topics hold into bronze and quarantine, then end."""
    allowed = {"--accept": accept, "--accept-loss": accept_loss}
    jobs.ingest(*(option for option, chosen in allowed.items() if chosen))


@app.command()
def trace(
    entity: Annotated[str, typer.Option("--user", "--entity", help="Whose prediction.")],
    when: Annotated[
        datetime,
        typer.Option(
            "--date", "--time", formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Everything, as JSON.")] = False,
) -> None:
    """Follow one prediction back to its messages, and forward to the truth."""
    cli_trace.show(entity, when, as_json)


@app.command()
def eda(
    config: Annotated[Path, typer.Option(help="Days and source: query_params.json.")],
) -> None:
    """Explore the usage of some days: plots, figures and a report."""
    from eda import run  # its plots take seconds to import, which no other command should wait for

    result = run(config, load())
    CONSOLE.print(f"report: {result.report}", soft_wrap=True)


def main() -> None:
    """Entry point: errors made for people are printed as one sentence, without a stack trace."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        app(standalone_mode=False)
    except CdrlakeError as error:
        _say(str(error))
        sys.exit(1)
    except typer.TyperException as error:  # an option, a value or a command that is not known
        if error.format_message():  # a bare `cdrlake` has printed its help already
            _say(f"{error.format_message().rstrip('.')}; see `{_path(error)} --help`.")
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        ERRORS.print("stopped")
        sys.exit(130)


def _say(sentence: str) -> None:
    ERRORS.print(f"[bold red]error[/] {escape(sentence)}", soft_wrap=True)


def _path(error: typer.TyperException) -> str:
    context: typer.Context | None = getattr(error, "ctx", None)
    return context.command_path if context else "cdrlake"


def _terminate(*_: Any) -> None:
    sys.exit(143)


if __name__ == "__main__":
    main()
