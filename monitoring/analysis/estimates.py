"""How far estimated performance can be trusted: its past errors, and what it cannot know.

The estimate (CBPE) takes a score to mean the share of positives that it meant in the reference. It
holds as long as that is so, wherever the inputs move within what the reference has shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from monitoring.analysis.findings import Finding
from monitoring.analysis.values import ChunkValues


def past_errors(values: Sequence[ChunkValues]) -> dict[str, float]:
    """For each metric, the mean absolute error of its estimates where the outcome came in later.

    It includes the sampling error of what was realised.
    """
    gaps: dict[str, list[float]] = {}
    for chunk in values:
        for name in chunk.estimated.keys() & chunk.realised.keys():
            gap = abs(chunk.estimated[name].value - chunk.realised[name].value)
            gaps.setdefault(name, []).append(gap)
    return {name: fmean(gaps[name]) for name in sorted(gaps)}


def caveat(found: Sequence[Finding]) -> str | None:
    """What the estimates cannot know at present, as a sentence; None if nothing speaks against."""
    since = {one.name: one.since for one in found if one.state == "found"}
    if "model_drift" in since:
        return (
            f"Outcomes have depended on the inputs in another way since {since['model_drift']}. "
            "Estimates rest on the old way and cannot know how good the model is now."
        )
    if "data_drift" in since:
        return (
            f"The inputs have been drifting since {since['data_drift']}. Estimates remain right "
            "only if a score still means what it meant in the reference; outcomes will tell."
        )
    return None
