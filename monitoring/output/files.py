"""The content of a run's files."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import msgspec
from matplotlib.backends.backend_agg import FigureCanvasAgg
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
    buffer = io.BytesIO()
    # `savefig` would lay out and draw everything twice.
    agg: Any = FigureCanvasAgg(draw(report))
    agg.print_png(buffer)
    return buffer.getvalue()
