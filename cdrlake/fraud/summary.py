"""The table at the end of the demo."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from cdrlake.fraud.extension import EXTENSION
from cdrlake.ledger_table import ledger_table
from cdrlake.main_job import Cost, Outcome
from lakehouse.domains.fraud.domain import CARDS
from lakehouse.domains.settings import Settings
from lakehouse.registry import ModelVersion, open_registry
from pyspark_jobs.fraud import metadata

MAX_MINUTES = 3


def show(console: Console, settings: Settings, outcome: Outcome, cost: Cost) -> None:
    """Print the ledger, the versions, what monitoring found, and what the run took."""
    console.print(ledger_table(outcome.ledger))
    table = Table(title="Result", title_justify="left", show_header=False)
    registry = open_registry(settings, CARDS)
    for one in metadata.get_metrics_history(registry):
        standing = _standing(registry.version(one["version"]))
        figures = f"PR-AUC {one['prauc']:.3f}, ROC-AUC {one['rocauc']:.3f}"
        table.add_row(f"version {one['version']}", f"{one['kind']}, {figures}, {standing}")
    for kind in ("realised", "estimated"):
        found = (outcome.monitoring.get("performance") or {}).get(kind) or {}
        told = "  ".join(f"{key} {value:.3f}" for key, value in found.items() if value is not None)
        table.add_row(f"{kind} performance", told or "no labels have matured yet")
    for name, verdict in (outcome.monitoring.get("verdicts") or {}).items():
        table.add_row(name.replace("_", " "), str(verdict))
    total = sum(cost.memory.values()) / 1024**3
    table.add_row("took", f"{cost.seconds / 60:.1f} min of {MAX_MINUTES}")
    table.add_row("peak memory", f"{total:.1f} GiB of {EXTENSION.memory_gib}")
    for process, size in sorted(cost.memory.items(), key=lambda one: -one[1]):
        table.add_row("", f"{size / 1024**2:6,.0f} MiB  {process}")
    console.print(table)


def _standing(version: ModelVersion) -> str:
    if version.alias == "champion":
        return "champion"
    return "champion before" if version.promoted_at else "not promoted"
