"""The analysis as one HTML file that opens anywhere."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, StrictUndefined, select_autoescape

from eda.association import Association
from eda.config import Config
from eda.profile import Profile
from eda.proposal import Proposal
from lakehouse.settings import ROOT

_TEMPLATE = Path(__file__).with_name("report.html.j2")
_JINJA = Environment(
    autoescape=select_autoescape(default=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
FEATURES_PAGE = ROOT / "docs" / "features.md"


@dataclass(frozen=True)
class Content:
    """What the page tells; `plots` are files, in the order in which they are shown."""

    config: Config
    profile: Profile
    associations: Sequence[Association]
    suspects: Sequence[Association]
    proposals: Sequence[Proposal]
    plots: Sequence[Path]


def render(content: Content) -> str:
    """The page, with the plots inside."""
    images = {
        path.stem: f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"
        for path in content.plots
    }
    template = _JINJA.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    return template.render(c=content, images=images, features=FEATURES_PAGE.as_uri())
