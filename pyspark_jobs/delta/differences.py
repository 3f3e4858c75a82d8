"""How a stored table differs from what it should hold, by table, key and column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

SHOWN_PER_TABLE = 20


@dataclass(frozen=True)
class Difference:
    """A single discrepancy; nothing is repaired.

    `column` is empty if a whole row or file is affected.
    """

    table: str
    key: str
    column: str
    stored: str
    expected: str

    def __str__(self) -> str:
        """`silver.daily id=7, day=2026-01-01, events: stored 3, expected 2`."""
        place = f"{self.table} {self.key}" + (f", {self.column}" if self.column else "")
        return f"{place}: stored {self.stored}, expected {self.expected}"


def of_rows(
    table: str, stored: pl.DataFrame, expected: pl.DataFrame, key: Sequence[str]
) -> list[Difference]:
    """Rows of one table that are missing, surplus, or differ in a column, down to the last bit."""
    wanted = expected.select(stored.columns).cast(dict(stored.schema))  # type: ignore[arg-type]
    found: list[Difference] = []
    for row in wanted.join(stored, on=key, how="anti").iter_rows(named=True):
        found.append(Difference(table, _name(row, key), "", "no row", "a row"))
    for row in stored.join(wanted, on=key, how="anti").iter_rows(named=True):
        found.append(Difference(table, _name(row, key), "", "a row", "no row"))
    odd = stored.join(wanted, on=stored.columns, how="anti", nulls_equal=True)
    both = odd.join(wanted, on=key, how="inner", suffix=_EXPECTED)
    for row in both.iter_rows(named=True):
        found.extend(_cells(table, row, key, stored.columns))
    return found


_EXPECTED = "\N{SECTION SIGN}expected"


def _cells(
    table: str, row: dict[str, object], key: Sequence[str], columns: Sequence[str]
) -> Iterator[Difference]:
    for name in columns:
        other = row.get(f"{name}{_EXPECTED}", row[name])
        if name not in key and row[name] != other:
            yield Difference(table, _name(row, key), name, repr(row[name]), repr(other))


def _name(row: dict[str, object], key: Sequence[str]) -> str:
    return ", ".join(f"{name}={row[name]}" for name in key)
