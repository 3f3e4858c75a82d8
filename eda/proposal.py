"""From associations to features: which of the features to keep an eye on, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from eda.association import Association
from lakehouse.domains.cdr.features import Windows, feature_list

SKEWED = 2.0


@dataclass(frozen=True)
class Proposal:
    """Features made from one measure, ranked by how far the measure alone tells churners apart."""

    measure: str
    separation: float
    features: tuple[str, ...]
    reason: str


def propose(
    associations: Sequence[Association], skews: dict[str, float], windows: Windows
) -> list[Proposal]:
    """One proposal per measure that has features, the strongest first."""
    made = feature_list(windows)
    proposals = []
    for one in sorted(associations, key=lambda one: -one.separation):
        features = tuple(f.name for f in made if one.name in f.measures)
        if features:
            reason = _reason(one, skews.get(one.name, 0.0))
            proposals.append(Proposal(one.name, one.separation, features, reason))
    return proposals


def _reason(one: Association, skew: float) -> str:
    side = "less" if one.effect < 0 else "more"
    text = f"churners have {side} of it (d = {one.effect:+.2f}, ROC-AUC {one.roc_auc:.2f})"
    if one.is_leak_suspect:
        return f"{text}; suspected of knowing the outcome, so check it first"
    if skew > SKEWED:
        return f"{text}; skewed ({skew:.1f}), so take logarithms or ranks"
    return text
