"""The content of a run's files."""

from __future__ import annotations

import io
from collections.abc import Callable

import matplotlib.pyplot as plt
import msgspec
from matplotlib.figure import Figure as Canvas

from monitoring.output import drift_plot, names, page, performance_plot, style, tables
from monitoring.report import Report


def render(report: Report) -> dict[str, bytes]:
    """Content of each file of a run, by name."""
    style.apply()
    plots = {
        names.PERFORMANCE_PLOT: _png(performance_plot.draw, report),
        names.DRIFT_PLOT: _png(drift_plot.draw, report),
    }
    return {
        **plots,
        names.PERFORMANCE_TABLE: tables.performance(report).write_csv().encode(),
        names.DRIFT_TABLE: tables.drift(report).write_csv().encode(),
        names.REPORT: msgspec.json.encode(report),
        names.PAGE: page.render(report, plots).encode(),
    }


def _png(draw: Callable[[Report], Canvas], report: Report) -> bytes:
    canvas, buffer = draw(report), io.BytesIO()
    # Laid out here, once: a figure that is still to be laid out is drawn one time more to save it.
    layout = canvas.get_layout_engine()
    if layout is not None:
        layout.execute(canvas)
    canvas.set_layout_engine("none")
    canvas.savefig(buffer, format="png")
    plt.close(canvas)
    return buffer.getvalue()
