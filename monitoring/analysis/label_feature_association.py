"""Whether outcomes still depend on the inputs as before: the evidence for concept drift.

For each feature, rows with label 1 should have the mean rank that the scores predict. As many
labelled chunks are compared as the reference has, after correcting for the overall level of the
scores, so that a higher or lower share of positives alone does not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from monitoring.analysis.values import POSITIVES, ChunkValues

ALPHA = 0.01
# A shift that was found is over when it is this share of the limit or less.
OVER = 0.75


@dataclass(frozen=True)
class Shift:
    """The feature whose association with the label changed most, in standard errors."""

    feature: str
    deviations: float
    limit: float

    @property
    def found(self) -> bool:
        """Whether this is too large for chance, given the number of features."""
        return abs(self.deviations) > self.limit

    @property
    def lasts(self) -> bool:
        """Whether a shift that was found before has not gone yet."""
        return abs(self.deviations) > OVER * self.limit


def strongest(
    reference: Sequence[ChunkValues], recent: Sequence[ChunkValues], effects: dict[str, float]
) -> Shift | None:
    """The strongest shift of `recent` from `reference`; None if nothing can be compared."""
    positives = sum(chunk.positives for chunk in recent)
    expected = sum(chunk.expected for chunk in recent)
    features = [name for name in effects if name != POSITIVES]
    if not positives or not expected or not features:
        return None
    level = positives / expected
    limit = NormalDist().inv_cdf(1 - ALPHA / (2 * len(features)))
    shifts = []
    for name in features:
        mean, variance = _mean(recent, name, level, effects[name])
        usual, usual_variance = _mean(reference, name, 1.0, effects[name])
        scatter = (variance + usual_variance) ** 0.5
        shifts.append(Shift(name, (mean - usual) / scatter if scatter else 0.0, limit))
    return max(shifts, key=lambda shift: abs(shift.deviations))


def _mean(
    chunks: Sequence[ChunkValues], name: str, level: float, effect: float
) -> tuple[float, float]:
    """Mean over rows of (label - level x expected) x rank, and its variance."""
    parts = [chunk.associations[name] for chunk in chunks if name in chunk.associations]
    rows = sum(chunk.labelled for chunk in chunks if name in chunk.associations)
    if not rows:
        return 0.0, 0.0
    mean = sum(part.observed - level * part.expected for part in parts) / rows
    return mean, effect * sum(part.square for part in parts) / rows**2
