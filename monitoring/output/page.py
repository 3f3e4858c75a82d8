"""The report as one HTML file that opens anywhere, without internet and without the service."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, StrictUndefined, select_autoescape

from monitoring.report import Report

_TEMPLATE = Path(__file__).with_name("report.html.j2")
_JINJA = Environment(
    autoescape=select_autoescape(default=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
TITLES = {
    "data_drift": "Data drift",
    "model_drift": "Model drift",
    "model_degradation": "Model degradation",
}


def render(report: Report, plots: Mapping[str, bytes]) -> str:
    """The page, with the plots inside."""
    images = {
        name.partition(".")[0]: f"data:image/png;base64,{base64.b64encode(content).decode()}"
        for name, content in plots.items()
    }
    template = _JINJA.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    return template.render(report=report, images=images, titles=TITLES)
