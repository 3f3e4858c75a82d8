"""Drift over time: a map of features by chunk, and the shapes of what moved most."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator, PercentFormatter

from monitoring.analysis.values import SCORE
from monitoring.output import style
from monitoring.report import ColumnReport, Report

SHOWN = 20
SHAPES = 3


def draw(report: Report) -> Canvas:
    """The map above; below it the features that moved most, and the scores."""
    columns = report.columns[:SHOWN]
    canvas = Canvas(figsize=(11, 4.2 + 0.27 * len(columns)), layout="constrained")
    grid = canvas.add_gridspec(2, 1, height_ratios=[0.27 * len(columns) + 1.2, 2.6])
    _map(canvas.add_subplot(grid[0]), report, columns)
    moved = [column for column in report.columns if column.name != SCORE and column.edges]
    score = [column for column in report.columns if column.name == SCORE]
    shown = [*score, *moved[:SHAPES]]
    places = grid[1].subgridspec(1, len(shown))
    panels = [canvas.add_subplot(places[place]) for place in range(len(shown))]
    for panel, column in zip(panels, shown, strict=True):
        _shape(panel, column)
    handles = panels[0].get_legend_handles_labels()
    canvas.legend(*handles, loc="outside lower left", ncols=2, fontsize=9.5)
    canvas.suptitle(
        f"Model version {report.model_version}: drift against the reference of "
        f"{report.reference.start} to {report.reference.end}",
        x=0.01, ha="left", fontsize=14, fontweight="bold",
    )  # fmt: skip
    return canvas


def _map(panel: Axes, report: Report, columns: tuple[ColumnReport, ...]) -> None:
    ratios = np.array(
        [[chunk.verdict.limit_ratios.get(c.name, 0.0) for chunk in report.chunks] for c in columns]
    )
    colours = ListedColormap(style.DRIFT_COLOURS)
    cells = panel.pcolormesh(
        ratios,
        cmap=colours,
        norm=BoundaryNorm(style.DRIFT_STEPS, colours.N, extend="max"),
        edgecolors="white",
        linewidth=0.4,
    )
    scale = panel.figure.colorbar(cells, ax=panel, shrink=0.6, pad=0.01, extend="max")
    scale.outline.set_visible(False)
    scale.set_ticks(style.DRIFT_STEPS)
    panel.invert_yaxis()
    panel.grid(visible=False)
    panel.tick_params(length=0)
    names = ["scores" if c.name == SCORE else c.name for c in columns]
    panel.set_yticks([place + 0.5 for place in range(len(columns))], names)
    keys = [chunk.values.key[5:] for chunk in report.chunks]
    places = style.tick_places(keys)
    panel.set_xticks([place + 0.5 for place in places], [keys[place] for place in places])
    panel.set_title("Distance from the reference, as a factor of the limit")


def _shape(panel: Axes, column: ColumnReport) -> None:
    """Shares of rows over the values, to scale; outliers count towards the outer bins."""
    edges = np.array(
        column.edges if len(column.edges) > 1 else (*column.edges, column.edges[0] + 1)
    )
    width = np.diff(edges)
    panel.bar(edges[:-1], column.reference, width, align="edge", color=style.REFERENCE_BAR,
              label="reference")  # fmt: skip
    panel.stairs(column.recent, edges, color=style.REALISED, lw=1.8, label="recent chunks")
    name = "scores" if column.name == SCORE else column.name
    panel.set_title(f"{name}\n{column.limit_ratio:.2f} of its limit", fontsize=9.5)
    panel.xaxis.set_major_locator(MaxNLocator(3))
    panel.yaxis.set_major_locator(MaxNLocator(3))
    panel.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    panel.tick_params(labelsize=8.5)
    panel.grid(visible=False)
