"""Commands on models: `cdrlake model ...`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from cdrlake.console import CONSOLE
from lakehouse.registry import Registry, open_registry
from lakehouse.settings import load
from pyspark_jobs.cdr import gates

model = typer.Typer(no_args_is_help=True, help="The registry of models.")

Number = Annotated[int, typer.Argument(help="Version in the registry.")]


def _registry() -> Registry:
    return open_registry(load())


@model.command("list")
def list_versions() -> None:
    """List all versions, with the figure that they were judged by."""
    table = Table("version", "alias", "ROC-AUC on its test window", "scores from", "made", "run")
    for one in _registry().versions():
        made = f"{one.created_at:%Y-%m-%d %H:%M}"
        row = (str(one.number), one.alias or "", one.roc_auc, str(one.score_from), made, one.run_id)
        table.add_row(*row)
    CONSOLE.print(table)


@model.command()
def show(number: Number) -> None:
    """Print a version's card and every verdict on it."""
    registry = _registry()
    version = registry.version(number)
    bundle = registry.load(version)
    CONSOLE.print((bundle.folder / "card.md").read_text(encoding="utf-8"), markup=False)
    for verdict in version.verdicts:
        CONSOLE.print(f"- {verdict}", markup=False)
    CONSOLE.print(f"plots: {bundle.folder}", soft_wrap=True)


@model.command()
def promote(
    number: Number, reason: Annotated[str, typer.Option(help="Why; kept with the version.")]
) -> None:
    """Make a version the champion, whatever the gates say."""
    version = _registry().promote(number, f"by hand: {reason}")
    CONSOLE.print(f"version {version.number} is champion")


@model.command()
def rollback(
    number: Annotated[int | None, typer.Argument(help="Default: the champion before.")] = None,
) -> None:
    """Go back to an earlier champion."""
    version = _registry().rollback(number)
    CONSOLE.print(f"version {version.number} is champion")


@model.command()
def challenge(number: Number) -> None:
    """Let a version score beside the champion, without deciding anything."""
    _registry().challenge(number)
    CONSOLE.print(f"version {number} scores in the champion's shadow")


@model.command()
def approve(
    number: Number, by: Annotated[str, typer.Option(help="Who approves; kept with the version.")]
) -> None:
    """Approve a version where `model.require_approval` asks for it."""
    _registry().approve(number, by)
    CONSOLE.print(f"version {number} approved by {by}")


@model.command()
def compare(challenger: Number, champion: Number) -> None:
    """Compare two versions on the rows that both can be judged by."""
    settings, registry = load(), _registry()
    new, old = (registry.load(registry.version(one)) for one in (challenger, champion))
    CONSOLE.print(str(gates.compare(new, old, settings.model.seed)), soft_wrap=True)
