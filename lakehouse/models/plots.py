"""Plots of a model on its test window, as PNG files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from lakehouse.domain import Words
from lakehouse.metrics import Labels, ScoredLabels
from lakehouse.models.forest import Floats
from lakehouse.models.manifest import Figures
from lakehouse.models.metric_text import text, title

_SIZE, _DPI = (6.0, 4.5), 110
_BINS = 10
_TOP = 12
_TICKS = 6
# Where no bin's probability is above this, most of a linear axis would be empty.
_MOSTLY_SMALL = 0.5
_LEAST = 1e-4


def draw(folder: Path, label: Labels, probability: Floats, figures: Figures, words: Words) -> None:
    """Write roc.png, pr.png, calibration.png and importance.png into `folder`."""
    _draw_curves(folder, ScoredLabels(probability, label), figures, words)
    _draw_calibration(folder, label, probability, figures, words)
    _draw_importance(folder, figures)


def _draw_curves(folder: Path, ranking: ScoredLabels, figures: Figures, words: Words) -> None:
    positives, negatives = (np.cumsum(each) for each in ranking.counts())
    recall, fall_out = positives / positives[-1], negatives / negatives[-1]
    with _page(folder, "roc", f"{words.title}: ROC curve on the test window") as axes:
        axes.plot([0, 1], [0, 1], color="grey", linestyle=":", label="chance")
        _line(axes, np.append(0, fall_out), np.append(0, recall), _said(figures, "roc_auc"))
        axes.set(xlabel="false positive rate", ylabel="true positive rate")
    with _page(folder, "pr", f"{words.title}: precision and recall on the test window") as axes:
        axes.axhline(figures.positives / figures.rows, color="grey", linestyle=":", label="chance")
        _line(axes, recall, positives / (positives + negatives), _said(figures, "pr_auc"))
        axes.set(xlabel="recall", ylabel="precision", ylim=(0, 1.02))


def _draw_calibration(
    folder: Path, label: Labels, probability: Floats, figures: Figures, words: Words
) -> None:
    """Ten bins of equally many rows; on logarithmic axes where most probabilities are small.

    There a bin in which nothing came true stands on the lower edge.
    """
    bins = np.array_split(np.argsort(probability, kind="stable"), _BINS)
    told = np.array([probability[one].mean() for one in bins if len(one)])
    seen = np.array([label[one].mean() for one in bins if len(one)])
    with _page(folder, "calibration", f"{words.title}: calibration on the test window") as axes:
        if np.median(told) < _MOSTLY_SMALL / _BINS:
            edge = max(min(told.min(), seen[seen > 0].min(initial=1.0)) / 2, _LEAST)
            told, seen = np.maximum(told, edge), np.maximum(seen, edge)
            limits = (edge * 0.8, min(2 * max(told.max(), seen.max()), 1.0))
            axes.set(xscale="log", yscale="log", xlim=limits, ylim=limits)
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_formatter(StrMethodFormatter("{x:g}"))
        else:
            limits = (0.0, 1.05 * max(told.max(), seen.max()))
        axes.plot(limits, limits, color="grey", linestyle=":", label="calibrated")
        _line(axes, told, seen, _said(figures, "calibration_error"), marker="o")
        axes.set(xlabel="mean probability in the bin", ylabel=f"share of {words.positives}")


def _draw_importance(folder: Path, figures: Figures) -> None:
    ranked = title(figures.ranking)
    top = dict(list(figures.importance.items())[:_TOP])
    with _page(folder, "importance", "Features that matter most") as axes:
        sns.barplot(x=list(top.values()), y=list(top), ax=axes, color="steelblue")
        axes.xaxis.set_major_locator(MaxNLocator(_TICKS))
        axes.set(xlabel=f"{ranked} lost when shuffled", ylabel="")


def _said(figures: Figures, name: str) -> str:
    metric = figures.metrics.get(name)
    return title(name) if metric is None else f"{title(name)} {text(name, metric)}"


def _line(axes: Axes, x: Floats, y: Floats, label: str, marker: str = "") -> None:
    sns.lineplot(x=x, y=y, label=label, marker=marker, ax=axes, errorbar=None, estimator=None)


@contextmanager
def _page(folder: Path, name: str, heading: str) -> Iterator[Axes]:
    """One figure of its own, so that nothing is shared between threads."""
    with sns.axes_style("whitegrid"):
        figure = Figure(figsize=_SIZE, layout="constrained")
        axes = figure.subplots()
        yield axes
    axes.set_title(heading)
    if axes.get_legend_handles_labels()[0]:
        axes.legend()
    figure.savefig(folder / f"{name}.png", dpi=_DPI)
