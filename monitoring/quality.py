"""What is odd about the rows themselves: volume, labels, missing, unseen, out of range."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median
from typing import TYPE_CHECKING

from lakehouse.domain import Words
from monitoring.analysis import labels
from monitoring.analysis.values import POSITIVES, ChunkValues
from monitoring.analysis.verdicts import ChunkVerdict

if TYPE_CHECKING:
    from monitoring.analysis.fitted import Fitted

MISSING_NOTED = 0.01
OUTSIDE_NOTED = 0.01
VOLUME_NOTED = 0.5
MIN_CHUNKS = 2


def notes(
    fitted: Fitted,
    values: Sequence[ChunkValues],
    judged: Sequence[ChunkVerdict],
    words: Words,
) -> Iterator[str]:
    """Notes on the latest chunk, on labels, and on chunks that are not judged."""
    latest = values[-1]
    complete = [v for v, verdict in zip(values, judged, strict=True) if verdict.complete]
    yield from _of_volume(fitted, complete)
    yield from _of_labels(fitted, values, words)
    yield from _of_columns(latest)
    yield from _unseen(fitted, latest)
    small = [verdict.key for verdict in judged if verdict.complete and not verdict.reliable]
    if small:
        many = f"{len(small)} chunks are" if len(small) > 1 else "1 chunk is"
        yield f"{many} too small to judge, the latest being {small[-1]}"
    filling = [verdict.key for verdict in judged if not verdict.complete]
    if filling:
        verb = "are" if len(filling) > 1 else "is"
        yield f"{', '.join(filling)} {verb} still filling and {verb} not judged yet"


def _of_volume(fitted: Fitted, values: Sequence[ChunkValues]) -> Iterator[str]:
    """The latest complete chunk compared with those before; the reference is only a sample."""
    if fitted.period.rows or len(values) < MIN_CHUNKS:
        return
    *earlier, latest = values
    usual = median(chunk.rows for chunk in earlier)
    if abs(latest.rows / usual - 1) > VOLUME_NOTED:
        yield f"{latest.key}: {latest.rows:,} rows, against the usual {usual:,.0f}"


def _of_labels(fitted: Fitted, values: Sequence[ChunkValues], words: Words) -> Iterator[str]:
    shift = labels.shift(fitted.chunks, values, fitted.effects.get(POSITIVES, 1.0))
    if shift is not None and shift.moved:
        yield (
            f"labels drifted: {shift.recent:.1%} {words.became_positive} lately, "
            f"{shift.reference:.1%} in the reference, {abs(shift.deviations):.1f} standard "
            "errors apart"
        )


def _of_columns(latest: ChunkValues) -> Iterator[str]:
    kinds = (
        (latest.missing, MISSING_NOTED, "missing"),
        (latest.outside, OUTSIDE_NOTED, "outside the range of the reference"),
    )
    for found, noted, what in kinds:
        for name, share in sorted(found.items(), key=lambda item: -item[1]):
            if share > noted:
                yield f"{latest.key}: {share:.1%} of {name} {what}"


def _unseen(fitted: Fitted, latest: ChunkValues) -> Iterator[str]:
    """Trait values that the reference did not have, if it had any values of that trait."""
    known = {name for chunk in fitted.chunks for name in chunk.slices}
    kinds = {name.partition(":")[0] for name in known}
    for name, part in latest.slices.items():
        if name not in known and name.partition(":")[0] in kinds:
            yield f"{latest.key}: {part.rows:,} rows of {name}, which the reference does not have"
