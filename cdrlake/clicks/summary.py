"""The table at the end of the demo."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from cdrlake.clicks.extension import EXTENSION
from cdrlake.ledger_table import ledger_table
from cdrlake.main_job import Cost, Outcome
from lakehouse.domains.clicks.domain import BOTS
from lakehouse.domains.settings import Settings
from lakehouse.registry import open_registry

MAX_MINUTES = 3


def show(console: Console, settings: Settings, outcome: Outcome, cost: Cost) -> None:
    """Print the ledger, the versions, the bots that were found, and what the run took."""
    console.print(ledger_table(outcome.ledger))
    table = Table(title="Result", title_justify="left", show_header=False)
    for version in open_registry(settings, BOTS).versions():
        table.add_row(
            f"version {version.number}", f"ROC-AUC {version.figure} {version.alias or ''}"
        )
    found = outcome.monitoring["bots"]
    table.add_row("windows", f"{found['windows']:,.0f}, {found['bots']:,.0f} of them bots'")
    table.add_row("precision", _share(found["right"], found["called"]))
    table.add_row("recall", _share(found["right"], found["bots"]))
    where = "written" if settings.documents.uri is not None else "none: documents.uri is not set"
    table.add_row("documents", where)
    total = sum(cost.memory.values()) / 1024**3
    table.add_row("took", f"{cost.seconds / 60:.1f} min of {MAX_MINUTES}")
    table.add_row("peak memory", f"{total:.1f} GiB of {EXTENSION.memory_gib}")
    for process, size in sorted(cost.memory.items(), key=lambda one: -one[1]):
        table.add_row("", f"{size / 1024**2:6,.0f} MiB  {process}")
    console.print(table)


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.3f} ({part:,.0f} of {whole:,.0f} windows)" if whole else "no windows"
