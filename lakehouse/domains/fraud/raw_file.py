"""Rows of a `creditcard.csv`, in the order of the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import polars as pl
from polars.exceptions import PolarsError

from lakehouse.domains.fraud.contracts import FEATURES
from lakehouse.errors import SourceError

COLUMNS = ("account_number", "Time", *FEATURES, "Class")
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


def read(address: str, options: Mapping[str, str] | None = None) -> CsvRows:
    """The file at a path or a `gs://` or `s3://` address; `.gz` is unpacked.

    A file without `account_number` gets account numbers, the same for the same row every time.
    Raises `SourceError` for a file without the columns.
    """
    return _read(address, tuple(sorted((options or {}).items())))


@lru_cache(maxsize=1)
def _read(address: str, options: tuple[tuple[str, str], ...]) -> CsvRows:
    try:
        # An amount such as 5 in the first lines must not make the column one of whole numbers.
        found = pl.read_csv(
            address,
            schema_overrides=dict.fromkeys(("Time", *FEATURES), pl.Float64)
            | {"account_number": pl.String},
            storage_options=dict(options) or None,
        )
    except (PolarsError, OSError) as error:
        raise SourceError(
            address, "a readable creditcard.csv", str(error).splitlines()[0],
            "check the address, and fraud.source_options for an object store",
        ) from None  # fmt: skip
    missing = [name for name in COLUMNS[1:] if name not in found.columns]
    if missing:
        raise SourceError(
            address, f"the columns {', '.join(COLUMNS[1:])}", f"none called {missing[0]}",
            "use the file as it was published",
        )  # fmt: skip
    if "account_number" not in found.columns:
        found = found.with_columns(_accounts(len(found)))
    return CsvRows(found.select(COLUMNS).with_columns(pl.col("Class").cast(pl.Int32)), address)


def _accounts(count: int) -> pl.Series:
    rng = np.random.default_rng(ACCOUNT_SEED)
    drawn = rng.integers(FIRST_ACCOUNT, LAST_ACCOUNT, count, endpoint=True)
    return pl.Series("account_number", drawn).cast(pl.String)
