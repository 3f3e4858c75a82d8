"""The table at the end of a demo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table

from cdrlake.cdr import oracle
from cdrlake.ledger_table import ledger_table
from cdrlake.main_job import MAX_MEMORY_GIB, MAX_MINUTES, Cost, Outcome
from lakehouse import store
from lakehouse.domains.cdr import names
from lakehouse.domains.cdr.domain import CHURN
from lakehouse.domains.settings import Settings
from lakehouse.metrics import RANKINGS
from lakehouse.models import metric_text
from lakehouse.models.manifest import Interval
from lakehouse.names import table_uri
from lakehouse.registry import open_registry


@dataclass(frozen=True)
class Latency:
    """Seconds from an event's emission to its prediction."""

    p50: float
    p95: float


def latency(settings: Settings, since: datetime) -> Latency | None:
    """Latency of the predictions whose latest event was emitted after `since`; None without any."""
    uri = table_uri(settings.lake_uri, names.PREDICTIONS)
    if not store.exists(uri, settings.lake_options):
        return None
    taken = (pl.col("scored_at") - pl.col("last_emitted_at")).dt.total_milliseconds() / 1000
    fresh = store.scan(uri, settings.lake_options).filter(pl.col("last_emitted_at") >= since)
    found = fresh.select(p50=taken.quantile(0.5), p95=taken.quantile(0.95)).collect().row(0)
    return None if found[0] is None else Latency(*found)


def figures_table(rows: list[tuple[str, str]]) -> Table:
    """The results of the run, one per line."""
    table = Table(title="Result", title_justify="left", show_header=False)
    table.add_column(style="bold")
    table.add_column()
    for name, value in rows:
        table.add_row(name, value)
    return table


def model_rows(settings: Settings) -> list[tuple[str, str]]:
    """The champion on its own test window, compared with the baselines on the same rows."""
    registry = open_registry(settings, CHURN)
    champion = registry.champion()
    if champion is None:
        return [("model", "no champion")]
    bundle = registry.load(champion)
    manifest = bundle.manifest
    figures = manifest.figures
    window = f"{manifest.test_start} to {manifest.test_end}, {figures.rows:,} rows"
    rows = [
        ("model version", f"{champion.number}, tested on {window}"),
        ("in the test", ", ".join(metric_text.title(name) for name in RANKINGS)),
        ("", _rankings(figures.metrics, "random forest")),
    ]
    rows += [
        ("", _rankings(one, name.replace("_", " "))) for name, one in figures.baselines.items()
    ]
    found = oracle.beside(bundle, settings)
    for bound in found or ():
        rows.append(("", _rankings(bound.metrics, f"{bound.name} bound")))
    for bound in found or ():
        rows.append((f"share of the {bound.name} edge", str(bound.share)))
    return rows


def _rankings(metrics: Mapping[str, Interval | float], name: str) -> str:
    """Every metric of a ranking, and whose it is; models registered earlier lack some."""
    found = (metric_text.text(metric, metrics[metric]) for metric in RANKINGS if metric in metrics)
    return f"{'  '.join(found)}  {name}"


def performance_rows(report: dict[str, Any]) -> list[tuple[str, str]]:
    """Realised and estimated figures, and the verdicts, of a monitoring run."""
    rows = []
    for kind in ("realised", "estimated"):
        found = (report.get("performance") or {}).get(kind) or {}
        text = "  ".join(
            f"{name} {value:.3f}" for name, value in found.items() if value is not None
        )
        rows.append((f"{kind} performance", text or "no labels have matured yet"))
    for name, verdict in (report.get("verdicts") or {}).items():
        rows.append((name.replace("_", " "), str(verdict)))
    return rows


def cost_rows(cost: Cost) -> list[tuple[str, str]]:
    """Time and memory of a run, and which process used the memory."""
    total = sum(cost.memory.values()) / 1024**3
    most_first = sorted(cost.memory.items(), key=lambda one: -one[1])
    rows = [
        ("took", f"{cost.seconds / 60:.1f} min of {MAX_MINUTES}"),
        ("peak memory", f"{total:.1f} GiB of {MAX_MEMORY_GIB}"),
    ]
    return rows + [("", f"{size / 1024**2:6,.0f} MiB  {name}") for name, size in most_first]


def show(console: Console, settings: Settings, outcome: Outcome, cost: Cost) -> None:
    """Print ledger and result of a demo."""
    console.print(ledger_table(outcome.ledger))
    rows = model_rows(settings) + performance_rows(outcome.monitoring)
    taken = latency(settings, outcome.began)
    if taken is not None:
        rows.append(("event to prediction", f"p50 {taken.p50:.1f} s   p95 {taken.p95:.1f} s"))
    rows.append(("plots and reports", str(settings.output)))
    console.print(figures_table(rows + cost_rows(cost)))
