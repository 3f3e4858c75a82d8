"""Plots of a model on its test window, as PNG files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lakehouse.metrics import Labels, ScoredLabels
from lakehouse.models.forest import Floats
from lakehouse.models.manifest import Figures

_SIZE = (5.0, 4.0)
_BINS = 10
_TOP = 12


def draw(folder: Path, label: Labels, probability: Floats, figures: Figures) -> None:
    """Write roc.png, pr.png, calibration.png and importance.png into `folder`."""
    _draw_curves(folder, ScoredLabels(probability, label), figures)
    _draw_calibration(folder, label, probability, figures)
    top = dict(list(figures.importance.items())[:_TOP])
    with _page(folder, "importance", "ROC-AUC lost when shuffled", "") as axes:
        sns.barplot(x=list(top.values()), y=list(top), ax=axes, color="steelblue")


def _draw_curves(folder: Path, scored_labels: ScoredLabels, figures: Figures) -> None:
    churners, stayers = (np.cumsum(each) for each in scored_labels.counts())
    recall, fall_out = churners / churners[-1], stayers / stayers[-1]
    with _page(folder, "roc", "false positive rate", "true positive rate") as axes:
        axes.plot([0, 1], [0, 1], color="grey", linestyle=":")
        _line(axes, np.append(0, fall_out), np.append(0, recall), f"ROC-AUC {figures.roc_auc}")
    with _page(folder, "pr", "recall", "precision") as axes:
        axes.axhline(figures.base_rate, color="grey", linestyle=":")
        _line(axes, recall, churners / (churners + stayers), f"PR-AUC {figures.pr_auc}")


def _draw_calibration(folder: Path, label: Labels, probability: Floats, figures: Figures) -> None:
    bins = np.array_split(np.argsort(probability, kind="stable"), _BINS)
    said = np.array([probability[one].mean() for one in bins])
    seen = np.array([label[one].mean() for one in bins])
    with _page(folder, "calibration", "mean probability", "share of churners") as axes:
        axes.plot([0, said[-1]], [0, said[-1]], color="grey", linestyle=":")
        _line(axes, said, seen, f"calibration error {figures.calibration_error:.3f}", marker="o")


def _line(axes: Axes, x: Floats, y: Floats, label: str, marker: str = "") -> None:
    sns.lineplot(x=x, y=y, label=label, marker=marker, ax=axes, errorbar=None, estimator=None)


@contextmanager
def _page(folder: Path, name: str, x: str, y: str) -> Iterator[Axes]:
    """One figure of its own, so that nothing is shared between threads."""
    with sns.axes_style("whitegrid"):
        figure = Figure(figsize=_SIZE, layout="constrained")
        axes = figure.subplots()
        yield axes
    axes.set(xlabel=x, ylabel=y)
    figure.savefig(folder / f"{name}.png", dpi=110)
