"""The ledger as a table for the terminal."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from lakehouse import display
from lakehouse.ledger import Comparison, Ledger, Note


def ledger_table(found: Ledger) -> Table:
    """Stations with their counts, and below them the checks."""
    table = Table(title="Ledger", title_justify="left")
    table.add_column("station")
    table.add_column("count", justify="right")
    table.add_column("unit", style="dim")
    for step in found.steps:
        table.add_row(step.name, "-" if step.count is None else f"{step.count:,}", step.unit)
    if found.checks:
        table.add_section()
    for check in found.checks:
        table.add_row(check.name, f"{check.left:,}", _verdict(check))
    if found.notes:
        table.add_section()
    for note in found.notes:
        table.add_row(note.name, f"{note.count:,}", _remark(note))
    return table


def _verdict(check: Comparison) -> str:
    verdict = "[green]equal[/]" if check.ok else f"[bold red]≠ {check.right:,}[/]"
    reasons = (f"{one.count:,} of {one.recorded:,} {escape(one.name)}" for one in check.netted)
    return "; ".join((verdict, *reasons))


def _remark(note: Note) -> str:
    """The unit, the share of the whole (in yellow where there is any), and examples."""
    parts = [note.unit]
    if note.share is not None:
        share = f"{note.share:.1%}"
        parts.append(f"[yellow]{share}[/]" if note.count else share)
    if note.detail:
        parts.append(escape(display.printable(note.detail)))
    return ", ".join(parts)
