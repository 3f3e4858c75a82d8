"""Commands on models: `cdrlake model ...`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer
from rich.markdown import Markdown
from rich.table import Table

from cdrlake import jobs
from cdrlake.cdr import oracle
from cdrlake.console import CONSOLE
from lakehouse.domains.cdr.domain import CHURN
from lakehouse.domains.settings import load
from lakehouse.registry import Registry, gates, open_registry

model = typer.Typer(no_args_is_help=True, help="The registry of models.")

Number = Annotated[int, typer.Argument(help="Version in the registry.")]
Day = Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Both days are included.")]


def _registry() -> Registry:
    return open_registry(load(), CHURN)


@model.command("list")
def list_versions() -> None:
    """List all versions, with the figure that they were judged by."""
    table = Table()
    for name in ("version", "alias", "ROC-AUC in its test", "scores from", "made"):
        table.add_column(name, no_wrap=True)
    for one in _registry().versions():
        made = f"{one.created_at:%Y-%m-%d %H:%M}"
        table.add_row(str(one.number), one.alias or "", one.roc_auc, str(one.score_from), made)
    CONSOLE.print(table)


@model.command()
def show(number: Number) -> None:
    """Print a version's card and every verdict on it."""
    registry = _registry()
    version = registry.version(number)
    bundle = registry.load(version)
    card = (bundle.folder / "card.md").read_text(encoding="utf-8")
    if CONSOLE.is_terminal:
        CONSOLE.print(Markdown(card))
    else:
        CONSOLE.print(card, markup=False, soft_wrap=True)
    found = oracle.beside(bundle, load())
    if found is not None:
        CONSOLE.print(f"ROC-AUC {found}", soft_wrap=True)
    for verdict in version.verdicts:
        CONSOLE.print(f"- {verdict}", markup=False, soft_wrap=True)
    CONSOLE.print(f"run {version.run_id}, files in {bundle.folder}", soft_wrap=True)


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
def challenge(
    number: Annotated[int | None, typer.Argument(help="Default: none, the shadow ends.")] = None,
) -> None:
    """Let a version score beside the champion, without deciding anything."""
    _registry().shadow(number)
    who = "nobody" if number is None else f"version {number}"
    CONSOLE.print(f"{who} scores in the champion's shadow")


@model.command()
def approve(
    number: Number, by: Annotated[str, typer.Option(help="Who approves; kept with the version.")]
) -> None:
    """Approve a version where `model.require_approval` asks for it, and let the gates judge it."""
    registry = _registry()
    registry.approve(number, by)
    verdict = gates.promote_by_gates(number, registry, load().model)
    said = "promoted" if verdict.promoted else "not promoted"
    CONSOLE.print(f"version {number} approved by {by}; {said}: {verdict.reason}", soft_wrap=True)


@model.command()
def compare(challenger: Number, champion: Number) -> None:
    """Compare two versions on the rows that both can be judged by."""
    settings, registry = load(), _registry()
    new, old = (registry.load(registry.version(one)) for one in (challenger, champion))
    CONSOLE.print(str(gates.compare(new, old, settings.model.seed)), soft_wrap=True)


@model.command()
def backfill(number: Number, first: Day, last: Day) -> None:
    """Score past days with any version; what it has scored the same already stays as it is."""
    days = (f"--first={first:%Y-%m-%d}", f"--last={last:%Y-%m-%d}")
    jobs.run("cdr_backfill", f"--version={number}", *days)
