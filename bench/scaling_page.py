"""How cost grows, as kept by the last full run: slopes, cost of a million events, a plot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import msgspec
import numpy as np
import polars as pl

from bench.kept import write
from bench.measure import machine
from bench.stages import Cost
from lakehouse.settings import ROOT

KEPT = ROOT / "bench" / "results" / "stages" / "scaling.json"
PLOT = ROOT / "docs" / "images" / "scaling.png"
MILLION = 1_000_000
TICKS = {"seconds": (5, 10, 20, 40, 80), "peak_mib": (500, 1_000, 2_000, 4_000, 8_000)}


class Grown(msgspec.Struct, frozen=True):
    """What a stage cost with this many subscribers, one event a day each, over this many days."""

    stage: str
    subscribers: int
    days: int
    cost: Cost

    @property
    def events(self) -> int:
        """The number of events, which is also the number of rows of gold and of predictions."""
        return self.subscribers * self.days


class Kept(msgspec.Struct, frozen=True):
    """All measurements of one run."""

    machine: str
    found: list[Grown]


def keep(found: Sequence[Grown]) -> None:
    """Replace the earlier measurements with these, and plot them."""
    write(KEPT, Kept(machine(), list(found)))
    _plot(_frame(found))


def section(kept: Path = KEPT) -> str:
    """The page's section as Markdown; empty before the first run."""
    if not kept.exists():
        return ""
    run = msgspec.json.decode(kept.read_bytes(), type=Kept)
    frame = _frame(run.found)
    return f"""## How cost grows

With one event a day for each subscriber, each stage runs alone in a fresh process on the output of
the stage before it, with 1, 4 and 16 times the subscribers and 1, 4 and 16 times the days. The
slope is that of log(cost) over log(events): 1 means that cost grows linearly, 0 that it does not
grow. [Scaling](scaling.md) explains what follows from this.

![seconds and memory of each stage against events](images/scaling.png)

| stage | slope of time over subscribers | over days | of memory over subscribers | over days |
| --- | --- | --- | --- | --- |
{_slopes(frame)}

## What a million events cost

Scaled from the run with the most subscribers above. Memory is the peak of the process and its
children, including the JVM's heap of up to 1.4 GiB; pages that they share count once.

| stage | wall s | processor s | MiB written | peak MiB |
| --- | --- | --- | --- | --- |
{_costs(frame)}

The driver plans and commits, and its tasks, here in processes beside it, hold the rows:

| stage | subscribers | days | peak MiB | of it the driver's Python |
| --- | --- | --- | --- | --- |
{_memory(frame)}

Machine: {run.machine}.
"""


def slope(frame: pl.DataFrame, cost: str) -> float:
    """Slope of log(cost) over log(events), by least squares."""
    x, y = (np.log(frame[name].to_numpy()) for name in ("events", cost))
    return float(np.polyfit(x, y, 1)[0])


def _slopes(frame: pl.DataFrame) -> str:
    lines = []
    for (stage,), rows in frame.group_by("stage", maintain_order=True):
        few_days, few_users = (rows.filter(pl.col(name) == pl.col(name).min())
                               for name in ("days", "subscribers"))  # fmt: skip
        slopes = (slope(one, cost) for cost in ("seconds", "peak_mib")
                  for one in (few_days, few_users))  # fmt: skip
        lines.append(f"| {stage} | " + " | ".join(f"{found:.2f}" for found in slopes) + " |")
    return "\n".join(lines)


def _costs(frame: pl.DataFrame) -> str:
    largest = frame.filter(pl.col("subscribers") == pl.col("subscribers").max())
    return "\n".join(
        f"| {row['stage']} | {row['seconds'] * MILLION / row['events']:.1f} "
        f"| {row['cpu_seconds'] * MILLION / row['events']:.1f} "
        f"| {row['written_mib'] * MILLION / row['events']:,.0f} | {row['peak_mib']:,.0f} |"
        for row in largest.iter_rows(named=True)
    )


def _memory(frame: pl.DataFrame) -> str:
    """Peaks at the fewest and at the most events, of the stages that have a driver."""
    driven = frame.filter(pl.col("driver_mib") > 0)
    chosen = driven.filter(pl.col("events").is_in([driven["events"].min(), driven["events"].max()]))
    return "\n".join(
        f"| {row['stage']} | {row['subscribers']:,} | {row['days']} "
        f"| {row['peak_mib']:,.0f} | {row['driver_mib']:,.0f} |"
        for row in chosen.sort("stage", "events", "subscribers").iter_rows(named=True)
    )


def _frame(found: Sequence[Grown]) -> pl.DataFrame:
    rows = [
        {"stage": one.stage, "subscribers": one.subscribers, "days": one.days,
         "events": one.events, **msgspec.to_builtins(one.cost)}
        for one in found
    ]  # fmt: skip
    return pl.DataFrame(rows)


def _plot(frame: pl.DataFrame) -> None:
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import seaborn as sns

    sns.set_theme(style="whitegrid")
    few_days, few_users = (
        frame.filter(pl.col(name) == pl.col(name).min()).with_columns(grows=pl.lit(grows))
        for name, grows in (("days", "subscribers"), ("subscribers", "days"))
    )
    both = pl.concat([few_days, few_users]).to_pandas()
    figure, panels = plt.subplots(1, 2, figsize=(11, 4.2))
    titles = {"seconds": "wall seconds", "peak_mib": "peak memory, MiB"}
    for axes, (cost, title) in zip(panels, titles.items(), strict=True):
        sns.lineplot(both, x="events", y=cost, hue="stage", style="grows", markers=True,
                     palette="colorblind", ax=axes, legend=cost != "seconds")  # fmt: skip
        axes.set(xscale="log", yscale="log", xlabel="events", ylabel=title)
        axes.set_xticks(sorted(set(both["events"])), minor=False)
        axes.set_yticks(TICKS[cost])
        axes.minorticks_off()
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.yaxis.set_major_formatter("{x:,.0f}")
    sns.move_legend(panels[1], "center left", bbox_to_anchor=(1.02, 0.5), frameon=False)
    figure.tight_layout()
    figure.savefig(PLOT, dpi=120)
    plt.close(figure)
