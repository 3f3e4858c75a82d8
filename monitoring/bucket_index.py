"""How many rows the predictions table has in each bucket of time, kept up to date cheaply.

Only new versions of the table are read, and only the small columns of the buckets that they
touched.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import msgspec
import polars as pl

from lakehouse import store
from monitoring.buckets import Buckets

LOG = logging.getLogger(__name__)
_BUCKET = "_bucket"


class BucketEntry(msgspec.Struct, frozen=True):
    """Rows of a model version in a bucket, and the table version that last changed one of them."""

    rows: int
    scored_at: datetime
    version: int


Entries = dict[int, dict[str, BucketEntry]]


class BucketIndex(msgspec.Struct, frozen=True):
    """Buckets, in ISO 8601, by model version, as of one version of one table."""

    identity: str
    version: int
    entries: Entries


@dataclass(frozen=True)
class IndexReader:
    """Reads what an index needs from the table at `uri`, whose time column is `time`."""

    uri: str
    time: str
    buckets: Buckets
    options: store.Options | None = None

    def refresh(self, known: BucketIndex | None) -> BucketIndex | None:
        """The index as of the table's latest version; None if there is no table.

        A table that was replaced, or whose changes are no longer kept, is read in full.
        """
        identity = store.identity(self.uri, self.options)
        latest = store.version(self.uri, self.options)
        if identity is None or latest is None:
            return None
        if known is None or known.identity != identity or known.version > latest:
            return BucketIndex(identity, latest, self._entries(latest, None))
        if known.version == latest:
            return known
        touched = self._touched(known.version)
        if touched is None:
            return BucketIndex(identity, latest, self._entries(latest, None))
        fresh = self._entries(latest, touched) if touched else {}
        names = {self.buckets.text(bucket) for bucket in touched}
        kept = {
            number: {name: entry for name, entry in entries.items() if name not in names}
            for number, entries in known.entries.items()
        }
        merged = {
            number: dict(sorted((kept.get(number, {}) | fresh.get(number, {})).items()))
            for number in sorted(kept.keys() | fresh.keys())
        }
        return BucketIndex(identity, latest, merged)

    def _touched(self, after: int) -> set[date] | None:
        """Buckets with changed rows; None if that is no longer known."""
        try:
            changed = store.touched(self.uri, after, self.time, self.options)
        except Exception as error:  # delta-rs has no narrower class for a vacuumed version
            LOG.warning("changes since version %d are gone; reading all rows: %s", after, error)
            return None
        return {self.buckets.floor(moment) for moment in changed}

    def _entries(self, latest: int, wanted: set[date] | None) -> Entries:
        rows = store.scan(self.uri, self.options, at=latest)
        bucket = self.buckets.floored(pl.col(self.time)).alias(_BUCKET)
        if wanted is not None:
            # The range lets Delta skip files; the list drops what lies in between.
            rows = rows.filter(
                self.buckets.between(pl.col(self.time), min(wanted), max(wanted)),
                bucket.is_in(sorted(wanted)),
            )
        keys = ("model_version", _BUCKET)
        counted = rows.group_by("model_version", bucket).agg(
            rows=pl.len(), scored_at=pl.col("scored_at").max()
        )
        entries: Entries = {}
        for row in store.collect(counted, self.uri, self.options).sort(keys).iter_rows(named=True):
            entry = BucketEntry(row["rows"], row["scored_at"], latest)
            entries.setdefault(row["model_version"], {})[self.buckets.text(row[_BUCKET])] = entry
        return entries


def read_index(file: Path) -> BucketIndex | None:
    """The index that is kept in a file; None where there is none, or one of another version."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=BucketIndex)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None
