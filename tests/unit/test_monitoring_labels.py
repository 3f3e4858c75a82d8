"""Churn that became more frequent is told from chance, with subscribers counted honestly."""

from __future__ import annotations

from datetime import date

from monitoring.analysis import labels
from monitoring.analysis.values import ChunkValues, Figure

DAY = date(2026, 6, 1)


def chunk(labelled: int, positives: int) -> ChunkValues:
    return ChunkValues(
        key="", start=str(DAY), end=str(DAY), rows=1000, labelled=labelled, positives=positives,
        expected=0.0, realised={}, estimated={}, drift={}, reconstruction=Figure(0.0, 0.0),
        missing={}, outside={}, distributions={}, brier=None, calibration_error=None,
        associations={}, slices={},
    )  # fmt: skip


REFERENCE = [chunk(1000, 50)] * 14


def test_twice_as_many_churners_are_label_drift() -> None:
    found = labels.shift(REFERENCE, [chunk(1000, 100)] * 14, effect=1.0)
    assert found is not None and found.moved
    assert (found.reference, found.recent, found.rows) == (0.05, 0.1, 14_000)
    assert found.deviations > 10


def test_the_same_rows_of_the_same_people_say_less() -> None:
    recent = [chunk(1000, 60)] * 14
    assert labels.shift(REFERENCE, recent, effect=1.0).moved  # type: ignore[union-attr]
    assert not labels.shift(REFERENCE, recent, effect=12.0).moved  # type: ignore[union-attr]


def test_only_as_many_chunks_as_the_reference_has_and_only_labelled_ones_count() -> None:
    values = [chunk(1000, 500)] * 5 + [chunk(1000, 50)] * 14 + [chunk(0, 0)] * 30
    found = labels.shift(REFERENCE, values, effect=1.0)
    assert found is not None and not found.moved
    assert found.rows == 14_000


def test_without_labels_nothing_is_said() -> None:
    assert labels.shift(REFERENCE, [chunk(0, 0)], effect=1.0) is None
    assert labels.shift(REFERENCE, [chunk(10, 0)], effect=1.0).deviations < 0  # type: ignore[union-attr]
    assert labels.shift([chunk(10, 0)], [chunk(10, 0)], 1.0).deviations == 0  # type: ignore[union-attr]
