"""Performance over time: realised where outcomes are known, estimated everywhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from monitoring.analysis.values import ChunkValues, Figure
from monitoring.output import style
from monitoring.report import Report

TITLES = {
    "roc_auc": "ROC-AUC",
    "f1": "F1",
    "accuracy": "Accuracy",
    "average_precision": "PR-AUC",
    "business_value": "Value per prediction (stated costs)",
}
# Known beforehand, for a layout engine measures every text twice.
MARGINS = {"left": 0.075, "right": 0.985, "top": 0.925, "bottom": 0.075, "hspace": 0.36}
DEVIATIONS = 1.96
LINES: dict[str, tuple[str, Any]] = {
    "reference": (style.REFERENCE, "-"),
    "estimated": (style.ESTIMATED, (0, (2, 1.5))),
    "realised": (style.REALISED, "-"),
}


def draw(report: Report) -> Canvas:
    """One panel per metric, and the number of rows below."""
    heights = [1.0] * len(TITLES) + [0.45]
    canvas = Canvas(figsize=(10, 11.5))
    axes = canvas.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    canvas.subplots_adjust(**MARGINS)
    for panel, (metric, title) in zip(axes, TITLES.items(), strict=False):
        _panel(panel, report, metric, title)
    _rows(axes[-1], report)
    _legend(canvas, axes[0])
    canvas.suptitle(
        f"Model version {report.model_version}: performance {report.start_date} to "
        f"{report.end_date}",
        x=0.01, ha="left", fontsize=14, fontweight="bold",
    )  # fmt: skip
    return canvas


def _panel(panel: Axes, report: Report, metric: str, title: str) -> None:
    before = list(report.reference.chunks)
    chunks = [chunk.values for chunk in report.chunks]
    panel.axvspan(-0.5, len(before) - 0.5, color="#F3F4F6", lw=0, zorder=0)
    _series(panel, before, 0, lambda c: c.realised.get(metric), "reference")
    _series(panel, chunks, len(before), lambda c: c.estimated.get(metric), "estimated")
    _series(panel, chunks, len(before), lambda c: c.realised.get(metric), "realised")
    limit = report.limits.performance.get(metric)
    if limit is not None:
        panel.axhline(limit, color=style.ALARM, ls=(0, (4, 3)), lw=1.2, label="limit")
        low = [
            (place, figure.value)
            for place, chunk in enumerate(chunks, len(before))
            if (figure := chunk.realised.get(metric) or chunk.estimated.get(metric))
            and figure.value < limit
        ]
        rings: dict[str, Any] = {
            "s": 46,
            "facecolors": "none",
            "edgecolors": style.ALARM,
            "linewidths": 1.6,
        }
        panel.scatter([place for place, _ in low], [value for _, value in low], zorder=5, **rings)
    panel.set_title(title)
    panel.margins(x=0.01)


def _series(
    panel: Axes,
    chunks: Sequence[ChunkValues],
    first: int,
    figure_of: Callable[[ChunkValues], Figure | None],
    label: str,
) -> None:
    known = [
        (place, figure)
        for place, chunk in enumerate(chunks, first)
        if (figure := figure_of(chunk)) is not None
    ]
    if not known:
        return
    places = [place for place, _ in known]
    values = [figure.value for _, figure in known]
    low = [figure.value - DEVIATIONS * figure.error for _, figure in known]
    high = [figure.value + DEVIATIONS * figure.error for _, figure in known]
    colour, dashes = LINES[label]
    panel.fill_between(places, low, high, color=colour, alpha=0.15, lw=0)
    panel.plot(places, values, color=colour, lw=1.8, ls=dashes, marker="o", ms=2.8, label=label)


def _rows(panel: Axes, report: Report) -> None:
    chunks = [*report.reference.chunks, *(chunk.values for chunk in report.chunks)]
    places = range(len(chunks))
    panel.bar(places, [c.rows for c in chunks], color=style.FAINT, width=0.8)
    panel.bar(places, [c.labelled for c in chunks], color=style.REALISED, width=0.8)
    panel.set_title("Rows (blue: outcome known)")
    keys = [chunk.key[5:] for chunk in chunks]
    shown = style.tick_places(keys)
    panel.set_xticks(shown, [keys[place] for place in shown])


def _legend(canvas: Canvas, panel: Axes) -> None:
    handles, labels = panel.get_legend_handles_labels()
    canvas.legend(
        handles, labels, loc="lower left", bbox_to_anchor=(0.06, 0.005), ncols=4, fontsize=9.5
    )
