"""Which dates of the predictions table hold what, kept up to date by reading new versions only."""

from __future__ import annotations

import logging
from datetime import date, datetime
from typing import Any

import msgspec
import polars as pl

from lakehouse import store

LOG = logging.getLogger(__name__)
KEYS = ("model_version", "Date")


class DayEntry(msgspec.Struct, frozen=True):
    """Rows of a model version on a date, and the table version that last changed one of them."""

    rows: int
    scored_at: datetime
    version: int


class Journal(msgspec.Struct, frozen=True):
    """Dates by model version, as of one version of one table."""

    identity: str
    version: int
    days: dict[int, dict[date, DayEntry]]


def refresh(
    uri: str, known: Journal | None, options: store.Options | None = None
) -> Journal | None:
    """The journal as of the table's latest version; None where there is no table.

    A table that was made anew, or whose changes are no longer kept, is read whole: its
    small columns, not its rows.
    """
    identity, latest = store.identity(uri, options), store.version(uri, options)
    if identity is None or latest is None:
        return None
    if known is None or known.identity != identity or known.version > latest:
        return Journal(identity, latest, _entries(uri, latest, None, options))
    if known.version == latest:
        return known
    dates = _touched(uri, known.version, options)
    if dates is None:
        return Journal(identity, latest, _entries(uri, latest, None, options))
    fresh = _entries(uri, latest, dates, options) if dates else {}
    kept = {
        number: {day: entry for day, entry in days.items() if day not in dates}
        for number, days in known.days.items()
    }
    merged = {
        number: dict(sorted((kept.get(number, {}) | fresh.get(number, {})).items()))
        for number in sorted(kept.keys() | fresh.keys())
    }
    return Journal(identity, latest, merged)


def _touched(uri: str, after: int, options: store.Options | None) -> set[date] | None:
    """Dates with changed rows; None when that is no longer known."""
    try:
        return store.touched(uri, after, "Date", options)
    except Exception as error:  # delta-rs has no narrower class for a vacuumed version
        LOG.warning("changes since version %d are gone, reading all dates: %s", after, error)
        return None


def _entries(
    uri: str, latest: int, dates: set[date] | None, options: store.Options | None
) -> dict[int, dict[date, DayEntry]]:
    rows = store.scan(uri, options, at=latest)
    if dates is not None:
        rows = rows.filter(pl.col("Date").is_in(sorted(dates)))
    found = rows.group_by(KEYS).agg(rows=pl.len(), scored_at=pl.col("scored_at").max())
    entries: dict[int, dict[date, DayEntry]] = {}
    for row in found.collect().sort(KEYS).iter_rows(named=True):
        entries.setdefault(row["model_version"], {})[row["Date"]] = _entry(row, latest)
    return entries


def _entry(row: dict[str, Any], version: int) -> DayEntry:
    return DayEntry(row["rows"], row["scored_at"], version)
