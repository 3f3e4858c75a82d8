"""Every latency of the three queries, as it was kept, and what the page shows of them."""

from __future__ import annotations

import matplotlib
import numpy as np
import numpy.typing as npt
import polars as pl

from bench.latency.queries import QUERIES
from lakehouse.settings import ROOT

Latencies = npt.NDArray[np.int64]
Samples = dict[tuple[str, str], Latencies]

KEPT = ROOT / "bench" / "results" / "latency" / "samples.parquet"
PLOT = ROOT / "docs" / "images" / "latency.png"
COLOURS = ("#0072b2", "#d55e00", "#cc79a7", "#009e73")


def told(found: Latencies) -> str:
    """Its percentiles in words; `found` is in microseconds."""
    p50, p99 = np.percentile(found, (50, 99)) / 1_000
    return f"p50 {p50:,.1f} ms, p99 {p99:,.1f} ms, the longest {found.max() / 1_000:,.0f} ms"


def keep(found: Samples) -> None:
    """Keep all samples, and draw them."""
    KEPT.parent.mkdir(parents=True, exist_ok=True)
    frames = [
        pl.DataFrame({"microseconds": taken.astype(np.int32)}).select(
            pl.lit(query).alias("query"), pl.lit(engine).alias("engine"), "microseconds"
        )
        for (query, engine), taken in found.items()
    ]
    pl.concat(frames).write_parquet(KEPT, compression_level=19)


def section() -> str:
    """A table of what is kept, and the place of its plot, in Markdown; empty where nothing is."""
    if not KEPT.exists():
        return ""
    kept = pl.read_parquet(KEPT)
    at = pl.col("microseconds")
    rows = kept.group_by("query", "engine", maintain_order=True).agg(
        *[(at.quantile(share) / 1_000).alias(str(share)) for share in (0.5, 0.95, 0.99, 0.999)],
        (at.max() / 1_000).alias("max"),
    )
    lines = "\n".join(
        f"| {query} | {engine} | " + " | ".join(f"{value:,.1f}" for value in values) + " |"
        for query, engine, *values in rows.iter_rows()
    )
    return f"""## Latency, event by event

| query | engine | p50, ms | p95 | p99 | p99.9 | longest |
| --- | --- | --- | --- | --- | --- | --- |
{lines}

![share of events that a reader has seen, by time](images/latency.png)

The queries are the three by which Databricks compares its engines: a projection without state, a
count by page, and a join with a table of 1,000 pages, here from Kafka to Kafka with two partitions.
A latency runs from the stamp that the event carries to a
reader that has received what follows from it; of a count, to the first count that includes the
event. All samples are in `{KEPT.relative_to(ROOT)}`.
Ours scores every event as well and remembers each page in all three; it saves its state every five
seconds, as Flink does. Flink passes each record on at once, which is not its default. Real-time
mode has no aggregation in Spark 4.2, and its batches last five minutes.
"""


def draw() -> None:
    """Draw what is kept; nothing where nothing is."""
    if KEPT.exists():
        _draw(pl.read_parquet(KEPT))


def _draw(kept: pl.DataFrame) -> None:
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import seaborn as sns

    sns.set_theme(style="whitegrid")
    figure, all_axes = plt.subplots(1, len(QUERIES), figsize=(10, 3.4), sharey=True)
    engines = kept["engine"].unique(maintain_order=True).to_list()
    for axes, query in zip(all_axes, QUERIES, strict=True):
        for engine, colour in zip(engines, COLOURS, strict=True):
            found = kept.filter(query=query, engine=engine)["microseconds"].sort() / 1_000
            if len(found):
                axes.plot(found, np.linspace(0, 1, len(found)), color=colour, label=engine)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:,g}")
        axes.set_title(query)
        axes.set_xlabel("milliseconds")
    all_axes[0].set_ylabel("share of events seen")
    figure.tight_layout(rect=(0, 0.08, 1, 1))
    figure.legend(*all_axes[0].get_legend_handles_labels(), loc="lower center", ncols=4)
    figure.savefig(PLOT, dpi=120)
    plt.close(figure)
