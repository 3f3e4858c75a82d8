"""The result of the last full soak run: a table and a plot of memory over time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import msgspec
import polars as pl

from bench.kept import write
from bench.measure import machine
from lakehouse.settings import ROOT

KEPT = ROOT / "bench" / "results" / "stages" / "soak.json"
PLOT = ROOT / "docs" / "images" / "soak.png"


class Sample(msgspec.Struct, frozen=True):
    """MiB of memory and processor seconds so far by process, `at_s` seconds after the start."""

    at_s: float
    memory_mib: dict[str, float]
    cpu_seconds: dict[str, float]


class Kept(msgspec.Struct, frozen=True):
    """One run."""

    machine: str
    events: int
    samples: list[Sample]


def keep(samples: Sequence[Sample], events: int) -> None:
    """Replace the earlier run with this one, and plot it."""
    write(KEPT, Kept(machine(), events, list(samples)))
    _plot(samples)


def section(kept: Path = KEPT) -> str:
    """The page's section as Markdown; empty before the first run."""
    if not kept.exists():
        return ""
    run = msgspec.json.decode(kept.read_bytes(), type=Kept)
    return f"""## A day's traffic in {run.samples[-1].at_s / 60:.0f} minutes

`make soak` sends {run.events:,} live events in batches of ten thousand, one a second or as fast as
they are accepted, through an installation as `make up` starts it, until every count of
`cdrlake ledger` agrees. Memory is the resident memory of the process and its children; processor
seconds are for the whole run.

{table(run.samples)}

![memory of each process over time](images/soak.png)

Machine: {run.machine}.
"""


def table(samples: Sequence[Sample]) -> str:
    """Memory at the start, in the middle and at the end, and the processor time in between."""
    first, last = samples[0], samples[-1]
    middle = min(samples, key=lambda one: abs(one.at_s - last.at_s / 2))
    most = {name: max(one.memory_mib[name] for one in samples) for name in first.memory_mib}
    lines = [
        f"| {name} | {first.memory_mib[name]:,.0f} | {middle.memory_mib[name]:,.0f} "
        f"| {last.memory_mib[name]:,.0f} | {most[name]:,.0f} "
        f"| {last.cpu_seconds[name] - first.cpu_seconds[name]:,.0f} |"
        for name in first.memory_mib
    ]
    head = "| process | MiB at the start | in the middle | at the end | peak | processor s |"
    return "\n".join([head, "| --- | --- | --- | --- | --- | --- |", *lines])


def _plot(samples: Sequence[Sample]) -> None:
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import seaborn as sns

    sns.set_theme(style="whitegrid")
    rows = [
        {"minutes": one.at_s / 60, "process": name, "MiB": value}
        for one in samples
        for name, value in one.memory_mib.items()
    ]
    figure, axes = plt.subplots(figsize=(9, 4.2))
    sns.lineplot(pl.DataFrame(rows).to_pandas(), x="minutes", y="MiB", hue="process",
                 palette="colorblind", ax=axes)  # fmt: skip
    axes.set_ylim(bottom=0)
    sns.move_legend(axes, "center left", bbox_to_anchor=(1.02, 0.5), frameon=False, title=None)
    figure.tight_layout()
    figure.savefig(PLOT, dpi=120)
    plt.close(figure)
