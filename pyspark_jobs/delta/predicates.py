"""Conditions of a merge, as delta-rs takes them."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl


def matches(rows: pl.DataFrame, key: Sequence[str], partition_by: Sequence[str]) -> str:
    """Predicate for equal keys within the partitions of `rows`; other files are not opened."""
    same = [f's."{name}" = t."{name}"' for name in key]
    named = [name for name in partition_by if name in rows.columns]
    among = [_among(rows[name].unique().sort()) for name in named]
    moments = [name for name in key if isinstance(rows.schema[name], pl.Datetime)]
    return " AND ".join([*among, *map(_within, map(rows.get_column, moments)), *same])


def _within(values: pl.Series) -> str:
    """The predicate for a timestamp column of the key: files of other moments are not opened.

    >>> from datetime import datetime
    >>> _within(pl.Series("at", [datetime(2026, 3, 1), datetime(2026, 3, 2)]))
    't."at" BETWEEN to_timestamp_micros(1772323200000000) AND to_timestamp_micros(1772409600000000)'
    """
    low, high = (int(value) for value in (values.dt.epoch("us").min(), values.dt.epoch("us").max()))  # type: ignore[arg-type]
    return f't."{values.name}" BETWEEN to_timestamp_micros({low}) AND to_timestamp_micros({high})'


def _among(values: pl.Series) -> str:
    r"""The predicate for a partition column that has one of these values.

    >>> from datetime import date
    >>> _among(pl.Series("day", [date(2026, 3, 1)])), _among(pl.Series("it's", [7]))
    ('t."day" IN (DATE \'2026-03-01\')', 't."it\'s" IN (7)')
    """
    if values.dtype == pl.Date:
        literals = [f"DATE '{value}'" for value in values]
    elif values.dtype.is_numeric():
        literals = [str(value) for value in values]
    else:
        literals = ["'" + str(value).replace("'", "''") + "'" for value in values]
    return f't."{values.name}" IN ({", ".join(literals)})'
