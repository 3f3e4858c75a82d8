"""The report as one HTML file that opens anywhere, without internet and without the service."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, StrictUndefined, select_autoescape

from monitoring.alerts import TITLES
from monitoring.analysis.values import SCORE
from monitoring.chunks import Period
from monitoring.report import Report

_TEMPLATE = Path(__file__).with_name("report.html.j2")
_JINJA = Environment(
    autoescape=select_autoescape(default=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
PERIODS = {"D": "Chunks are days", "W": "Chunks are weeks"}
METRICS = {
    "roc_auc": "ROC-AUC",
    "f1": "F1",
    "accuracy": "Accuracy",
    "average_precision": "PR-AUC",
    "recall_top_decile": "Recall in the top decile",
    "business_value": "Value per prediction",
}


def render(report: Report, plots: Mapping[str, bytes]) -> str:
    """The page, with the plots inside."""
    images = {
        name.partition(".")[0]: f"data:image/png;base64,{base64.b64encode(content).decode()}"
        for name, content in plots.items()
    }
    template = _JINJA.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    return template.render(
        report=report,
        images=images,
        titles=TITLES,
        metrics=METRICS,
        score=SCORE,
        chunks=chunks_of(report.period),
    )


def chunks_of(period: str) -> str:
    """How the rows were split into chunks, for the reader.

    >>> chunks_of("D"), chunks_of("6H"), chunks_of("500")
    ('Chunks are days', 'Chunks of 6 hours', 'Chunks of 500 rows')
    """
    if period in PERIODS:
        return PERIODS[period]
    cut = Period.parse(period)
    if cut.rows:
        return f"Chunks of {cut.rows:,} rows"
    if cut.minutes % 60:
        return f"Chunks of {cut.minutes} minutes"
    return "Chunks are hours" if cut.minutes == 60 else f"Chunks of {cut.minutes // 60} hours"
