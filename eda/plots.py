"""Plots of the analysis, one look for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from eda.association import Association, Floats
from eda.profile import Profile
from eda.source import DAY, USER
from lakehouse.domains.cdr.contracts import LABEL, MEASURE_NAMES, MEASURES

STAYED, CHURNED, INK, FAINT = "#0072B2", "#D55E00", "#22272E", "#ECEEF1"
BINS = 10
Z = 1.96


def apply_style() -> None:
    """Draw to files only; colours that colour-blind people tell apart."""
    mpl.use("Agg")
    look = {"axes.spines.top": False, "axes.spines.right": False, "grid.color": FAINT,
            "axes.edgecolor": "#D9DCE1", "axes.titleweight": "bold", "axes.titlelocation": "left",
            "axes.titlesize": 11, "text.color": INK, "axes.labelcolor": INK, "xtick.color": INK,
            "ytick.color": INK, "font.size": 10, "savefig.dpi": 110}  # fmt: skip
    sns.set_theme(style="whitegrid", rc=look)


def against_label(sample: pl.DataFrame, one: Association, path: Path) -> None:
    """The column in both classes, and the churn rate along it with a straight line."""
    rows = sample.select(USER, one.name, LABEL).drop_nulls().to_pandas()
    figure, (shapes, rates) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    _shapes(shapes, rows, one.name)
    _rates(rates, rows, one.name)
    note = (
        f"R2 = {one.r2:.3f} [{one.r2_low:.3f}, {one.r2_high:.3f}]    effect size d = "
        f"{one.effect:+.2f}    ROC-AUC = {one.roc_auc:.2f}    {one.rows:,} rows"
    )
    figure.suptitle(f"{one.name} and churn\n\n", x=0.01, ha="left", fontweight="bold", fontsize=13)
    figure.text(0.012, 0.905, note, fontsize=10)
    _save(figure, path)


def _shapes(panel: Axes, rows: pd.DataFrame, name: str) -> None:
    for label, text, colour in ((0, "stayed", STAYED), (1, "churned", CHURNED)):
        values = rows.loc[rows[LABEL] == label, name]
        sns.ecdfplot(x=values, ax=panel, color=colour, lw=2, label=text)
    high = float(rows[name].quantile(0.99))
    panel.set_xlim(float(rows[name].min()), max(high, float(rows[name].min()) + 1))
    panel.set_title("Share of rows up to a value")
    panel.set_xlabel(_with_unit(name))
    panel.set_ylabel("share of rows")
    panel.legend(loc="lower right")


@dataclass(frozen=True)
class Rates:
    """Churn rate in parts of the rows along a column; `error` is a standard error."""

    middle: Floats
    rate: Floats
    error: Floats


def rates(users: Sequence[str], values: Floats, label: Floats) -> Rates:
    """The rate in about ten parts of the rows; equal values are in one part.

    A subscriber's rows share what came true, so errors count subscribers, not rows.
    """
    edges = np.unique(np.quantile(values, np.linspace(0, 1, BINS + 1)[1:-1]))
    rows = pl.DataFrame({"part": np.searchsorted(edges, values), "user": users, "x": values,
                         "y": label})  # fmt: skip
    counted = rows.with_columns(noise=pl.col("y") - pl.col("y").mean().over("part"))
    by_user = counted.group_by("part", "user").agg(pl.col("x", "y", "noise").sum(), rows=pl.len())
    people = pl.len() / (pl.len() - 1).clip(1)
    found = by_user.group_by("part").agg(
        middle=pl.col("x").sum() / pl.col("rows").sum(),
        rate=pl.col("y").sum() / pl.col("rows").sum(),
        error=(people * pl.col("noise").pow(2).sum()).sqrt() / pl.col("rows").sum(),
    )
    return Rates(*(found.sort("part")[name].to_numpy() for name in ("middle", "rate", "error")))


def _rates(panel: Axes, rows: pd.DataFrame, name: str) -> None:
    values, label = (rows[column].to_numpy(np.float64) for column in (name, LABEL))
    found = rates(rows[USER].to_list(), values, label)
    slope, start = np.polyfit(values, label, 1)
    line = np.array([found.middle[0], found.middle[-1]])
    panel.plot(line, start + slope * line, color=INK, lw=1.2, ls="--", label="straight line")
    panel.errorbar(found.middle, found.rate, yerr=Z * found.error, fmt="o", color=CHURNED, ms=5,
                   lw=1.4, label="part of the rows, 95 %")  # fmt: skip
    panel.set_ylim(bottom=0)
    panel.yaxis.set_major_formatter(mpl.ticker.PercentFormatter(1.0, decimals=1))
    panel.set_title("Churn rate along it")
    panel.set_xlabel(_with_unit(name))
    panel.set_ylabel("churn rate")
    panel.legend(loc="best")


def correlations(found: Profile, path: Path) -> None:
    """Pearson's correlation of each pair of columns, the label last."""
    names = [*found.usable, LABEL]
    size = 3 + 0.55 * len(names)
    figure, panel = plt.subplots(figsize=(size + 1, size), layout="constrained")
    above = np.triu(np.ones_like(found.correlation, dtype=bool), k=1)
    sns.heatmap(found.correlation, mask=above, annot=True, fmt=".2f", cmap="vlag", vmin=-1, vmax=1,
                square=True, xticklabels=names, yticklabels=names, linewidths=0.5, ax=panel,
                annot_kws={"fontsize": 8}, cbar_kws={"shrink": 0.6})  # fmt: skip
    panel.grid(visible=False)
    panel.set_title("Pearson's correlation of each pair")
    _save(figure, path)


def days(found: Profile, path: Path) -> None:
    """Sum and mean of each measure, day by day."""
    figure, panels = plt.subplots(4, 2, figsize=(11, 9.5), sharex=True, layout="constrained")
    dates = found.days[DAY].to_list()
    for panel, name in zip(panels.flat, MEASURE_NAMES, strict=True):
        panel.bar(dates, found.days[f"{name}.sum"].to_list(), color="#CDD7E1", width=0.9)
        second = panel.twinx()
        second.plot(dates, found.days[f"{name}.mean"].to_list(), color=STAYED, lw=1.6)
        second.grid(visible=False)
        second.set_ylim(bottom=0)
        panel.set_title(name)
    figure.autofmt_xdate()
    figure.suptitle("Each day: sum (bars, left) and mean of a row (line, right)", x=0.01, ha="left",
                    fontweight="bold")  # fmt: skip
    _save(figure, path)


def _with_unit(name: str) -> str:
    """The column with what it is measured in, as the contract of its measure says.

    >>> _with_unit("DP_MOC_DURATION")
    'DP_MOC_DURATION (seconds of outgoing calls)'
    """
    units = {one.name: one.doc for one in MEASURES}
    return f"{name} ({units[name]})" if name in units else name


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path)
    plt.close(figure)
