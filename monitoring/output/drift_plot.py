"""Drift over time: a map of features by chunk, and the shapes of what moved most."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure as Canvas

from monitoring.analysis.values import SCORE
from monitoring.output import style
from monitoring.report import ColumnReport, Report

SHOWN = 20
SHAPES = 3
TICKS = 12


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
    strengths = np.array(
        [
            [report.limits.strength(c.name, chunk.values.drift[c.name], chunk.values.rows)
             for chunk in report.chunks]
            for c in columns
        ]
    )  # fmt: skip
    colours = ListedColormap(style.DRIFT_COLOURS)
    cells = panel.pcolormesh(
        strengths,
        cmap=colours,
        norm=BoundaryNorm(style.DRIFT_STEPS, colours.N, extend="max"),
        edgecolors="white",
        linewidth=0.4,
    )
    scale = panel.figure.colorbar(cells, ax=panel, shrink=0.6, pad=0.01, extend="max")
    scale.outline.set_visible(False)
    panel.invert_yaxis()
    panel.grid(visible=False)
    panel.tick_params(length=0)
    names = ["scores" if c.name == SCORE else c.name for c in columns]
    panel.set_yticks([place + 0.5 for place in range(len(columns))], names)
    every = max(1, len(report.chunks) // TICKS)
    places = range(0, len(report.chunks), every)
    panel.set_xticks([place + 0.5 for place in places])
    panel.set_xticklabels([report.chunks[place].values.key[5:] for place in places], rotation=0)
    panel.set_title("Distance from the reference, as a factor of the limit")


def _shape(panel: Axes, column: ColumnReport) -> None:
    places = np.arange(len(column.reference))
    panel.bar(places - 0.2, column.reference, 0.4, color=style.REFERENCE_BAR, label="reference")
    panel.bar(places + 0.2, column.recent, 0.4, color=style.REALISED, label="recent")
    name = "scores" if column.name == SCORE else column.name
    panel.set_title(f"{name}\n{column.strength:.2f} of its limit", fontsize=9.5)
    ends = [-0.5, len(column.reference) - 0.5]
    panel.set_xticks(ends, [f"{column.edges[0]:.3g}", f"{column.edges[-1]:.3g}"])
    panel.set_yticks([])
    panel.grid(visible=False)
