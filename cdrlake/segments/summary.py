"""The table at the end of the demo of segments."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from cdrlake.http import Api
from cdrlake.ledger_table import ledger_table
from cdrlake.main_job import Cost, Outcome
from lakehouse.domains.segments import SEGMENTS
from lakehouse.domains.settings import Settings
from lakehouse.registry import open_registry

MAX_MINUTES, MAX_MEMORY_GIB = 3, 4


def show(console: Console, settings: Settings, outcome: Outcome, cost: Cost) -> None:
    """Print the ledger, the models, the segments, what monitoring found, and what the run took."""
    console.print(ledger_table(outcome.ledger))
    table = Table(title="Result", title_justify="left", show_header=False)
    for name, value in [*_models(settings), *_found(outcome)]:
        table.add_row(name, value)
    table.add_row("page", f"{Api(settings).monitor}/segments/ while `cdrlake up` runs")
    table.add_row("took", f"{cost.seconds / 60:.1f} min of {MAX_MINUTES}")
    total = sum(cost.memory.values()) / 1024**3
    table.add_row("peak memory", f"{total:.1f} GiB of {MAX_MEMORY_GIB}")
    for process, size in sorted(cost.memory.items(), key=lambda one: -one[1]):
        table.add_row("", f"{size / 1024**2:6,.0f} MiB  {process}")
    console.print(table)


def _models(settings: Settings) -> list[tuple[str, str]]:
    found = []
    for scored in SEGMENTS.scored:
        for one in open_registry(settings, scored).versions():
            standing = "champion" if one.alias == "champion" else "not champion"
            found.append((scored.model, f"version {one.number}, {standing}, {one.figure}"))
    return found


def _found(outcome: Outcome) -> list[tuple[str, str]]:
    page = outcome.monitoring["segments"]
    rows = [("types", page["claim"])]
    for one in page["segments"]:
        rows.append((one["name"], f"{one['cards']:,} cards, {one['share']:.1%}"))
    rows.append(("movers this week", f"{page['movers'] or 0:.1%} of the cards"))
    for one in page["calibration"]:
        text = f"Brier {one['brier']:.3f}, calibration error {one['error']:.3f}"
        rows.append((f"within {one['k']} days", text))
    for one in page["drift"]:
        days = ", ".join(shift["day"] for shift in one["shifts"][:3]) or "no shift"
        rows.append((one["feature"], days))
    return rows
