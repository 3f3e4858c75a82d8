"""Rows of a `creditcard.csv`, in the order of the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from lakehouse.domains.fraud.contracts import FEATURES

ACCOUNT = "account_number"
COLUMNS = (ACCOUNT, "Time", *FEATURES, "Class")
KINDS: Mapping[str, type[pl.DataType]] = {
    ACCOUNT: pl.String,
    **dict.fromkeys(("Time", *FEATURES), pl.Float64),
    "Class": pl.Int32,
}
ACCOUNT_SEED, FIRST_ACCOUNT, LAST_ACCOUNT = 1_000, 1_000_000, 1_999_999


@dataclass(frozen=True)
class CsvRows:
    """The rows of a file: account_number, Time, V1..V28, Amount, Class."""

    frame: pl.DataFrame
    name: str

    @property
    def length(self) -> int | None:
        """How many rows there are."""
        return len(self.frame)

    def rows(self, first: int, count: int) -> pl.DataFrame:
        """Rows `first` to `first + count - 1`; after the last row the file begins again."""
        start, left = first % len(self.frame), count
        parts = []
        while left > 0:
            part = self.frame.slice(start, left)
            parts.append(part)
            left, start = left - len(part), 0
        return pl.concat(parts)


def with_accounts(found: pl.DataFrame) -> pl.DataFrame:
    """The rows with `COLUMNS`; without account numbers they get some, always the same ones."""
    if ACCOUNT not in found.columns:
        rng = np.random.default_rng(ACCOUNT_SEED)
        drawn = rng.integers(FIRST_ACCOUNT, LAST_ACCOUNT, len(found), endpoint=True)
        found = found.with_columns(pl.Series(ACCOUNT, drawn).cast(pl.String))
    return found.select(COLUMNS)
