"""The command line: every command is a few lines over a function that lives elsewhere.

What is large (the engine, the models, the database's driver) is imported by the command that needs
it, so that help and mistakes are answered at once.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cdrlake import boundary
from cdrlake.chosen_settings import chosen_settings
from cdrlake.cli_options import (
    Cluster,
    Csv,
    KeepModels,
    Mapping,
    OneDomain,
    Profile,
    SomeDomains,
    Yes,
)
from cdrlake.cli_serve import serve
from cdrlake.command_groups import Commands
from cdrlake.console import CONSOLE, working
from lakehouse.errors import SettingsError

if TYPE_CHECKING:
    from lakehouse.domain import Domain
    from lakehouse.domains.settings import Settings

app = typer.Typer(
    cls=Commands, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)


def load() -> Settings:
    """The settings of this installation."""
    from lakehouse.domains import settings

    return settings.load()


def _domains(names: str | None) -> tuple[Domain, ...]:
    """Domains by name; raises `SettingsError` for one that is not known."""
    from lakehouse.domains import DOMAINS, domain

    if names == "all":
        return DOMAINS
    wanted = [name.strip() for name in (names or DOMAINS[0].name).split(",")]
    return tuple(domain(name) for name in dict.fromkeys(wanted))


def _domain(name: str | None) -> Domain:
    found = _domains(name)
    if len(found) != 1:
        raise SettingsError.sentence(f"This command takes one domain, and {name} names several.")
    return found[0]


@app.command()
def demo(
    csv: Csv = None,
    mapping: Mapping = None,
    profile: Profile = None,
    cluster: Cluster = False,
    domain: SomeDomains = None,
) -> None:
    """Run the main job, from one POST to a monitored prediction."""
    from cdrlake import runs

    chosen = _domains(domain)
    runs.demo(chosen_settings(csv, mapping, profile, chosen), chosen, cluster)


@app.command()
def up(
    csv: Csv = None,
    mapping: Mapping = None,
    profile: Profile = None,
    cluster: Cluster = False,
    domain: SomeDomains = None,
) -> None:
    """Start everything and leave it running until Ctrl-C."""
    from cdrlake import runs

    chosen = _domains(domain)
    runs.up(chosen_settings(csv, mapping, profile, chosen), chosen, cluster)


@app.command()
def down() -> None:
    """Stop what `up` runs in another terminal."""
    from cdrlake import runs

    runs.down(chosen_settings())


@app.command()
def reset(yes: Yes = False, keep_models: KeepModels = False) -> None:
    """Stop everything, wipe its state and what it wrote to the output; downloads stay."""
    from cdrlake import runs, wipe

    settings = chosen_settings()
    if not yes and not typer.confirm(f"Wipe {wipe.describe(settings)}?"):
        raise typer.Abort
    runs.reset(settings, keep_models)


@app.command()
def status(domain: OneDomain = None) -> None:
    """Show each process, each query's last batch and its lag."""
    from cdrlake import runs

    runs.status(chosen_settings(), _domain(domain) if domain else None)


@app.command()
def ledger(domain: OneDomain = None) -> None:
    """Count the rows at every station and check that they agree."""
    from cdrlake import runs

    runs.ledger(chosen_settings(), _domain(domain))


@app.command()
def doctor(domain: SomeDomains = None) -> None:
    """Check this machine, and name whatever is missing."""
    from cdrlake import runs

    runs.doctor(chosen_settings(), _domains(domain))


@app.command()
def jars() -> None:
    """Fetch the jars that Spark and the embedded servers need, unless they are cached."""
    from cdrlake import runs

    runs.fetch_jars(chosen_settings())


@app.command()
def topics(domain: OneDomain = None) -> None:
    """Create missing topics, and list all of them with their message counts."""
    from cdrlake import runs

    runs.topics(chosen_settings(), _domain(domain))


@app.command()
def train(domain: OneDomain = None) -> None:
    """Train a model on the data in the lake, and promote it if it passes the gates."""
    from cdrlake import jobs

    jobs.run(jobs.of(_domain(domain), "train"))


@app.command()
def score(domain: OneDomain = None) -> None:
    """Score the rows of gold that have no prediction yet, then end."""
    from cdrlake import jobs

    jobs.run(jobs.of(_domain(domain), "score"), "--once")


@app.command()
def ingest(
    accept: Annotated[
        bool, typer.Option("--accept", help="Accept any share of bad messages.")
    ] = False,
    accept_loss: Annotated[
        bool,
        typer.Option("--accept-loss", help="Go on past a gap in a topic, and record it."),
    ] = False,
    domain: OneDomain = None,
) -> None:
    """Read new messages from the topics into bronze and quarantine, then end."""
    from cdrlake import jobs

    allowed = {"--accept": accept, "--accept-loss": accept_loss}
    chosen = (option for option, is_chosen in allowed.items() if is_chosen)
    jobs.ingest(_domain(domain), *chosen)


@app.command()
def verify(
    days: Annotated[int, typer.Option(min=1, help="How many days to check, chosen at random.")] = 7,
    every: Annotated[bool, typer.Option("--all", help="Check every day.")] = False,
    domain: OneDomain = None,
) -> None:
    """Check that files and rows of the lake are exactly as they should be; changes nothing."""
    from cdrlake import jobs

    jobs.run(jobs.of(_domain(domain), "verify"), *(["--all"] if every else ["--days", str(days)]))


@app.command()
def trace(
    entity: Annotated[str, typer.Option("--user", "--entity", help="Whose prediction it is.")],
    when: Annotated[
        datetime,
        typer.Option(
            "--date",
            "--time",
            formats=[
                "%Y-%m-%d",
                "%Y-%m-%dT%H:%M",
                "%Y-%m-%dT%H:%M:%S",
                "%Y-%m-%dT%H:%M:%S.%f",
            ],
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    domain: OneDomain = None,
    model: Annotated[
        str | None, typer.Option(help="Which model, if the domain has several.")
    ] = None,
) -> None:
    """Trace one prediction back to its messages, and forward to its outcome."""
    from cdrlake import cli_trace

    cli_trace.show(entity, when, as_json, _domain(domain), model)


@app.command()
def eda(
    config: Annotated[Path, typer.Option(help="JSON file with the days and the source.")],
) -> None:
    """Explore the usage of some days, with plots, figures and a report."""
    with working("Reading and drawing"):
        from eda import run

        result = run(config, load())
    CONSOLE.print(f"report: {result.report}", soft_wrap=True)


app.command()(serve)


def main() -> None:
    """Entry point: errors made for people are printed as one sentence, without a stack trace."""
    boundary.run(app)


if __name__ == "__main__":
    main()
