"""The independent ledger of the faults: what it calls lost, doubled and wrong."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from bench.faults.truth import AMOUNTS, EVENTS, compare


def sums(*days: tuple[str, int, int]) -> pl.DataFrame:
    """Rows of a user: so many events, whose other amounts are all as given."""
    rows = [
        {"User": user, "Date": date(2026, 1, 1), **dict.fromkeys(AMOUNTS, amount), EVENTS: events}
        for user, events, amount in days
    ]
    return pl.DataFrame(rows)


def test_two_sources_of_one_day_are_expected_together() -> None:
    found = compare(sums(("a", 2, 10), ("a", 3, 5)), sums(("a", 5, 15)))
    assert found.held
    assert found.events == 5


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (sums(("a", 4, 10)), (1, 0, 0)),
        (sums(("a", 7, 10)), (0, 2, 0)),
        (sums(("a", 5, 10), ("b", 1, 1)), (0, 1, 0)),
        (sums(("a", 5, 11)), (0, 0, len(AMOUNTS) - 1)),
    ],
)
def test_what_differs_is_counted(held: pl.DataFrame, said: tuple[int, int, int]) -> None:
    found = compare(sums(("a", 5, 10)), held)
    assert (found.lost, found.doubled, found.wrong_cells) == said
