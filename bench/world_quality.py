"""Whether the simulated world is as hard, and as regular, as it says: docs/world.md."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl
from sklearn.metrics import roc_auc_score

from bench.measure import machine
from bench.usage import own_peak_mib
from flaskapp.cdr.world import World
from flaskapp.cdr.world.season import PAYDAYS
from lakehouse.children import die_with_parent
from lakehouse.domains.cdr.settings import WorldSettings
from lakehouse.settings import ROOT

PAGE = ROOT / "docs" / "world.md"
START = date(2026, 3, 2)
SEEDS, SUBSCRIBERS, DAYS = range(1, 6), 4_000, 100
ASKED = (20, 40, 60)
RATE = 0.05
LARGE_SUBSCRIBERS, LARGE_DAYS = 1_000_000, 120
# Stated before measuring: share of churners, its ratio to the oracle's mean, ROC-AUC, calls on a
# weekend day and on a pay-day beside an ordinary day, ROC-AUC of days of silence alone.
BOUNDS = {
    "base rate": (0.035, 0.065),
    "oracle mean / base rate": (0.9, 1.1),
    "oracle ROC-AUC": (0.96, 0.995),
    "recency ROC-AUC": (0.70, 0.95),
    "weekend calls": (0.80, 0.97),
    "pay-day calls": (1.04, 1.35),
}


@dataclass(frozen=True)
class Seen:
    """What one seed's world shows, by the names of `BOUNDS`."""

    seed: int
    values: dict[str, float]

    @property
    def is_within(self) -> bool:
        """Whether every value lies within its bounds."""
        return all(low <= self.values[name] <= high for name, (low, high) in BOUNDS.items())


def examine(seed: int, subscribers: int = SUBSCRIBERS) -> Seen:
    """Live through one world and hold it against the truth that it knows."""
    world = World(WorldSettings(subscribers=subscribers, seed=seed, churn_rate=RATE), START)
    days = world.days(0, DAYS - 1)
    rows = pl.concat(day.with_columns(day=pl.lit(number)) for number, day in enumerate(days))
    judged = pl.concat(_judged(world, rows, day) for day in ASKED)
    label, truth = judged["label"].to_numpy(), judged["probability"].to_numpy()
    rate = float(label.mean())
    weekend, payday = _seasons(rows)
    values = {
        "base rate": rate,
        "oracle mean / base rate": float(truth.mean()) / rate,
        "oracle ROC-AUC": float(roc_auc_score(label, truth)),
        "recency ROC-AUC": float(roc_auc_score(label, judged["silence"].to_numpy())),
        "weekend calls": weekend,
        "pay-day calls": payday,
    }
    return Seen(seed, values)


def _judged(world: World, rows: pl.DataFrame, day: int) -> pl.DataFrame:
    """Each candidate of `day`: label by definition, true probability, days of silence."""
    horizon, number = world.horizon, pl.col("day")
    recent = rows.filter(number.is_between(day - horizon.window_days + 1, day))
    people = recent.group_by("DP_MSISDN").agg(silence=day - number.max())
    later = rows.filter(number.is_between(day + 1, day + horizon.label_days))
    gone = ~pl.col("DP_MSISDN").is_in(later["DP_MSISDN"].unique().implode())
    known = people.with_columns(label=gone.cast(pl.Int64))
    return known.join(world.oracle_probability(day), on="DP_MSISDN")


def _seasons(rows: pl.DataFrame) -> tuple[float, float]:
    """Calls on weekend days and on pay-days over those on ordinary days."""
    daily = rows.group_by("day").agg(calls=pl.col("DP_MOC_COUNT").sum()).sort("day")
    dates = [START + timedelta(days=int(day)) for day in daily["day"]]
    calls = daily["calls"].to_numpy()
    weekend = np.array([day.weekday() >= 5 for day in dates])
    payday = np.array([day.day in PAYDAYS for day in dates])
    ordinary = calls[~weekend & ~payday].mean()
    found = [calls[kind].mean() / ordinary for kind in (weekend & ~payday, ~weekend & payday)]
    return float(found[0]), float(found[1])


def large() -> tuple[int, int]:
    """Rows of a million subscribers over 120 days, a day at a time, and the peak memory in MB."""
    world = World(WorldSettings(subscribers=LARGE_SUBSCRIBERS, seed=1), START)
    rows = sum(day.height for day in world.days(0, LARGE_DAYS - 1))
    return rows, round(own_peak_mib())


def write() -> None:
    """Measure and write the page; the large world lives in a process of its own."""
    seen = [examine(seed) for seed in SEEDS]
    command = [sys.executable, "-c", "from bench import world_quality as w; print(*w.large())"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, preexec_fn=die_with_parent()
    )
    rows, megabytes = map(int, done.stdout.split())
    PAGE.write_text(page(seen, rows, megabytes), encoding="utf-8")


def page(seen: Sequence[Seen], rows: int, megabytes: int) -> str:
    """The results as Markdown."""
    head = "| seed | " + " | ".join(BOUNDS) + " | within |"
    rule = "| --- " * (len(BOUNDS) + 2) + "|"
    bounds = "| bounds | " + " | ".join(f"{a:.3g} to {b:.3g}" for a, b in BOUNDS.values()) + " | |"
    lines = "\n".join(
        f"| {one.seed} | "
        + " | ".join(f"{one.values[name]:.3f}" for name in BOUNDS)
        + f" | {'yes' if one.is_within else 'NO'} |"
        for one in seen
    )
    return f"""# The simulated world

Generated by `make bench PART=world`: {len(seen)} worlds of {SUBSCRIBERS:,} subscribers over
{DAYS} days, `churn_rate` {RATE}. A pseudo-churner is a subscriber active in the last seven
days who is silent over the next thirty. The oracle is the true probability, computed from the
hidden state; it is in no topic and no table, and no model can rank better on average. `recency`
ranks by days of silence.

{head}
{rule}
{bounds}
{lines}

Calls are given relative to an ordinary day, for a weekend day and for a pay-day.

{LARGE_SUBSCRIBERS:,} subscribers over {LARGE_DAYS} days: {rows:,} rows, made a day at a time, with
a peak of {megabytes:,} MB in the process that made them. Its speed is a figure of the same part.

Machine: {machine()}.
"""
