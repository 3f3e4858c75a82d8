"""One style for all plots: colours that colour-blind people can tell apart, and little ink."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any

import matplotlib as mpl
import seaborn as sns

# Letters that fit along the axis of a plot.
AXIS_LETTERS = 110
# Okabe and Ito's palette; every pair differs in lightness too.
REALISED = "#0072B2"
ESTIMATED = "#E69F00"
ALARM = "#D55E00"
REFERENCE = "#7A7A7A"
INK = "#22272E"
FAINT = "#D9DCE1"
REFERENCE_BAR = "#B9BFC8"
# Up to the limit quiet, beyond it warm and dark, so that a drift is seen without reading a scale.
DRIFT_STEPS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
DRIFT_COLOURS = (
    "#F4F6F8",
    "#E4E9EF",
    "#CDD7E1",
    "#AEBCCB",
    "#F2B36B",
    "#DD7B2B",
    "#B04A0A",
    "#6E2A00",
)

_STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "#ECEEF1",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "figure.dpi": 110,
}


def apply() -> None:
    """Draw only to files, in this style."""
    mpl.use("Agg")
    sns.set_theme(style="whitegrid", rc=_STYLE)


def tick_places(texts: Sequence[str]) -> list[int]:
    """Which of these texts fit along an axis without overlapping.

    >>> tick_places(["06-01"] * 26)
    [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24]
    """
    longest = max(map(len, texts), default=1)
    every = ceil(len(texts) * (longest + 2) / AXIS_LETTERS)
    return list(range(0, len(texts), max(1, every)))
