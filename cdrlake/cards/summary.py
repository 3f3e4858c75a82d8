"""The table at the end of the demo of cards."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from cdrlake.cards import validated
from cdrlake.ledger_table import ledger_table
from cdrlake.main_job import Cost, Outcome
from lakehouse.domains.cards.domain import FRAUD
from lakehouse.domains.settings import Settings
from lakehouse.models.manifest import as_interval
from lakehouse.registry import open_registry


def show(console: Console, settings: Settings, outcome: Outcome, cost: Cost) -> None:
    """Print what the run came to; `validated.csv` is where the settings say."""
    table = Table(title="Result", title_justify="left", show_header=False)
    table.add_column(style="bold")
    table.add_column()
    for name, value in _rows(settings, cost):
        table.add_row(name, value)
    console.print(ledger_table(outcome.ledger))
    console.print(table)


def _rows(settings: Settings, cost: Cost) -> list[tuple[str, str]]:
    registry = open_registry(settings, FRAUD)
    champion = registry.champion()
    rows = [
        ("validated rows", f"{settings.cards.validated_dir}/{validated.FILE}"),
        ("time", f"{cost.seconds:.0f} s"),
        ("memory", f"{sum(cost.memory.values()) / 1024**3:.1f} GiB"),
    ]
    if champion is None:
        return rows
    figures = registry.load(champion).manifest.figures
    found = [("model", f"version {champion.number}, PR-AUC {figures.interval('pr_auc')}")]
    for name, metrics in figures.baselines.items():
        found.append((name.replace("_", " "), f"PR-AUC {as_interval(metrics['pr_auc'])}"))
    recall = figures.value("recall_at_one_percent")
    return [*found, ("recall at 1 % alerts", f"{recall:.2f}"), *rows]
