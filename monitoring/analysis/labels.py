"""Label drift: whether positives became more or less frequent."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from monitoring.analysis.values import ChunkValues

DEVIATIONS = 3.0


class LabelShift(msgspec.Struct, frozen=True):
    """Share of positives in the reference and over the latest labelled chunks, and their distance.

    `deviations` is the difference in standard errors, which allow for entities that are in
    several chunks.
    """

    reference: float
    recent: float
    rows: int
    deviations: float

    @property
    def moved(self) -> bool:
        """Whether this is too large for chance."""
        return abs(self.deviations) > DEVIATIONS


def shift(
    reference: Sequence[ChunkValues], values: Sequence[ChunkValues], effect: float
) -> LabelShift | None:
    """The latest labelled chunks, as many as the reference has, compared with the reference.

    `effect` is the factor by which sums over days vary more than those of independent rows. None if
    no label is known.
    """
    known = [chunk for chunk in values if chunk.labelled][-len(reference) :]
    if not known:
        return None
    before, after = _counted(reference), _counted(known)
    share = (before[0] + after[0]) / (before[1] + after[1])
    error = (effect * share * (1 - share) * (1 / before[1] + 1 / after[1])) ** 0.5
    then, now = before[0] / before[1], after[0] / after[1]
    return LabelShift(then, now, after[1], (now - then) / error if error else 0.0)


def _counted(chunks: Sequence[ChunkValues]) -> tuple[int, int]:
    return sum(chunk.positives for chunk in chunks), sum(chunk.labelled for chunk in chunks)
