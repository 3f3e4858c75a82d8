"""How rows are cut into chunks."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.errors import MonitoringError
from monitoring.chunks import Bucket, Chunk, Period, batches, plan

MONDAY = date(2026, 6, 1)


def days(*rows: int, mark: str = "1") -> list[Bucket]:
    return [Bucket(MONDAY + timedelta(days=i), count, mark) for i, count in enumerate(rows)]


def outline(chunks: list[Chunk]) -> list[tuple[str, int, int]]:
    return [(chunk.key, chunk.skip, chunk.rows) for chunk in chunks]


def test_a_day_is_a_chunk() -> None:
    assert outline(plan(days(3, 5), Period.parse("D"))) == [
        ("2026-06-01", 0, 3),
        ("2026-06-02", 0, 5),
    ]


def test_a_week_begins_on_monday() -> None:
    chunks = plan(days(*[1] * 9), Period.parse("W"))
    assert outline(chunks) == [("2026-06-01/W", 0, 7), ("2026-06-08/W", 0, 2)]


def test_rows_are_cut_across_dates() -> None:
    chunks = plan(days(60, 60, 10), Period.parse("50"))
    assert outline(chunks) == [
        ("2026-06-01+0", 0, 50),
        ("2026-06-01+50", 50, 50),
        ("2026-06-02+40", 40, 30),
    ]
    assert [(chunk.start.day, chunk.end.day) for chunk in chunks] == [(1, 1), (1, 2), (2, 3)]


@given(st.lists(st.integers(1, 400), min_size=1, max_size=30), st.integers(50, 300))
def test_every_row_is_in_exactly_one_chunk(rows: list[int], size: int) -> None:
    chunks = plan(days(*rows), Period.parse(str(size)))
    assert sum(chunk.rows for chunk in chunks) == sum(rows)
    assert all(chunk.rows == size for chunk in chunks[:-1])
    starts = [sum(rows[: (c.start - MONDAY).days]) + c.skip for c in chunks]
    assert starts == [i * size for i in range(len(chunks))]


def test_a_stamp_changes_with_its_day_and_only_with_it() -> None:
    before = plan([*days(3), *days(0, 5)[1:]], Period.parse("D"))
    after = plan([*days(3), *days(0, 5, mark="2")[1:]], Period.parse("D"))
    assert before[0].stamp == after[0].stamp
    assert before[1].stamp != after[1].stamp


def test_batches_keep_chunks_whole() -> None:
    chunks = plan(days(60, 60, 500, 60), Period.parse("D"))
    assert [[chunk.rows for chunk in batch] for batch in batches(chunks, 130)] == [
        [60, 60],
        [500],
        [60],
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "d",
        "M",
        "0H",
        "169H",
        "0min",
        "6h",
        "1.5H",
        "-1H",
        "٣H",
        "0",
        "49",
        "1000001",
        "-5",
        "5e3",
        "٣٠٠",
        "9" * 50,
    ],
)
def test_other_periods_are_refused(text: str) -> None:
    with pytest.raises(MonitoringError, match="D, W, hours as in 6H"):
        Period.parse(text)
