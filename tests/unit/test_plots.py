"""What plots show: titles, scales that fit, bars as wide as what they stand for."""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle, StepPatch

from lakehouse.domain import Words
from lakehouse.models import plots
from lakehouse.models.manifest import Figures
from monitoring.analysis.profile import bin_edges
from monitoring.output import drift_plot
from monitoring.report import ColumnReport

WORDS = Words("Churn", "subscriber", "churners", "churned")
NAMES = ("roc", "pr", "calibration", "importance")
Plots = dict[str, Axes]


@pytest.fixture(autouse=True)
def _plain() -> Iterator[None]:
    """Monitoring and the exploration set a style for the whole process, in which others draw."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        yield


@pytest.fixture
def saved(monkeypatch: pytest.MonkeyPatch) -> Iterator[Plots]:
    """The axes of each plot, by the name of its file, as they are drawn."""
    found: Plots = {}
    draw_it = Figure.savefig

    def save(figure: Figure, path: Path, **_: Any) -> None:
        draw_it(figure, io.BytesIO())
        (found[path.stem],) = figure.axes

    monkeypatch.setattr(Figure, "savefig", save)
    yield found


def draw(highest: float) -> None:
    """Draw a calibrated model whose probabilities go up to `highest`."""
    random = np.random.default_rng(1)
    probability = random.random(4_000) ** 3 * highest
    label = (random.random(4_000) < probability).astype(np.int64)
    importance = {f"a feature with a long name {n}": 0.0123456 / n for n in range(1, 30)}
    figures = Figures(
        rows=4_000, entities=400, positives=int(label.sum()), importance=importance,
        metrics={"roc_auc": 0.8, "pr_auc": 0.4, "calibration_error": 0.01},
    )  # fmt: skip
    plots.draw(Path("plots"), label, probability, figures, WORDS)


def test_every_plot_says_what_it_is(saved: Plots) -> None:
    draw(1.0)
    assert set(saved) == set(NAMES)
    assert all(axes.get_title() and axes.get_xlabel() for axes in saved.values())
    assert saved["roc"].get_title() == "Churn: ROC curve on the test window"
    assert saved["calibration"].get_ylabel() == "share of churners"


@pytest.mark.parametrize("highest", [1.0, 0.05])
def test_ticks_do_not_run_into_each_other(saved: Plots, highest: float) -> None:
    draw(highest)
    for name, axes in saved.items():
        boxes = [
            tick.label1.get_window_extent()
            for tick in axes.xaxis.get_major_ticks()
            if tick.label1.get_text() and tick.label1.get_visible()
        ]
        inside = sorted((box for box in boxes if box.width), key=lambda box: box.x0)
        assert len(inside) > 1, name
        for left, right in pairwise(inside):
            assert left.x1 < right.x0, name


def test_calibration_of_small_probabilities_fills_its_plot(saved: Plots) -> None:
    draw(0.05)
    axes = saved["calibration"]
    line = axes.get_lines()[-1]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    places = axes.transAxes.inverted().transform(axes.transData.transform(line.get_xydata()))
    assert np.ptp(places[:, 0]) > 0.6, "no cramming into a corner"
    assert (places >= 0).all() and (places <= 1).all()


def test_calibration_of_large_probabilities_is_on_a_plain_scale(saved: Plots) -> None:
    draw(1.0)
    assert saved["calibration"].get_xscale() == "linear"


def test_histograms_of_drift_are_to_scale() -> None:
    """A heavy tail looks like one: bins are equally wide, and bars as high as their shares."""
    values = np.random.default_rng(2).lognormal(3, 1, 20_000)
    edges = bin_edges(np.quantile(values, np.linspace(0, 1, 201)))
    shares, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    then = tuple((shares / shares.sum()).tolist())
    now = tuple(reversed(then))
    column = ColumnReport("volume", 0.1, 1.2, 1.4, tuple(edges.tolist()), then, now)
    panel = Figure().subplots()
    drift_plot._shape(panel, column)
    bars = [patch for patch in panel.patches if isinstance(patch, Rectangle)]
    assert [bar.get_x() for bar in bars] == pytest.approx(edges[:-1].tolist())
    assert [bar.get_width() for bar in bars] == pytest.approx([edges[1] - edges[0]] * len(bars))
    assert [bar.get_height() for bar in bars] == pytest.approx(list(then))
    assert bars[0].get_height() + bars[1].get_height() > 3 * bars[len(bars) // 2].get_height() > 0
    (outline,) = (patch for patch in panel.patches if isinstance(patch, StepPatch))
    values, *_ = outline.get_data()
    assert np.asarray(values).tolist() == pytest.approx(list(now))
    assert panel.get_title() == "volume\n1.20 of its limit"
