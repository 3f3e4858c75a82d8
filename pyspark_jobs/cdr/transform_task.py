"""What a batch does to one bucket of silver and gold: reads, computes, writes files.

It runs in a Spark task or in the driver, and commits nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import cast

import polars as pl

from lakehouse.contracts import BUCKET
from lakehouse.domains.cdr import names
from lakehouse.domains.cdr.features import changes_contract, lookback_days
from lakehouse.names import table_uri
from pyspark_jobs.cdr import daily
from pyspark_jobs.cdr.block import Span
from pyspark_jobs.cdr.features import FROM_SILVER, gold_rows
from pyspark_jobs.delta.cells import PATH, Cells, Replacement
from pyspark_jobs.delta.files import write_file
from pyspark_jobs.engine.bucket_tasks import Changes

DAY = timedelta(days=1)
ROWS_AT_ONCE = 50_000


@dataclass(frozen=True)
class TransformTask:
    """Brings buckets of silver and gold, as they were read, up to date with a batch of events.

    Silent days are filled after `filled`, up to `span.closed`. Rows of gold that change are also
    written to the table of feature changes, under the date `changed_on`.
    """

    lake_uri: str
    options: Mapping[str, str]
    silver: Cells
    gold: Cells
    span: Span
    filled: date
    changed_on: date

    def __call__(self, bucket: int, events: pl.DataFrame) -> Changes:
        """Write the files of one bucket; `events` have the columns of `daily.event_columns`."""
        mine = pl.col(BUCKET.name) == bucket
        silver, gold = self.silver.where(mine), self.gold.where(mine)
        keys = events.select(daily.KEY).unique()
        stored = silver.where(pl.col("Date").is_in(keys["Date"].unique().implode())).read()
        known = stored.join(keys.lazy(), on=daily.KEY, how="semi").collect()
        numbered = pl.lit(bucket, pl.Int32).alias(BUCKET.name)
        days = daily.apply_events(known.drop(PATH), events).with_columns(numbered)
        touched = events.group_by("User").agg(since=pl.col("Date").min())
        rows, outdated = self._changed_rows(self._scope(touched, silver), days, silver, gold)
        rows = rows.with_columns(numbered)
        return {
            names.SILVER_DAILY: silver.put(days, known.select(*daily.KEY, PATH)),
            names.FEATURE_CHANGES: self._named(rows),
            names.GOLD_FEATURES: gold.put(rows, outdated),
        }

    def _scope(self, touched: pl.DataFrame, silver: Cells) -> pl.DataFrame:
        """Subscribers to process, and since when: the batch's; at day close, all recent ones."""
        if self.span.closed <= self.filled:
            return touched
        recent = self.filled - timedelta(days=self.span.active_days - 1)
        around = silver.where(pl.col("Date") >= recent).read().select("User").unique()
        everybody = around.collect().with_columns(since=pl.lit(self.filled + DAY))
        return pl.concat([touched, everybody]).group_by("User").agg(pl.col("since").min())

    def _changed_rows(
        self, scope: pl.DataFrame, days: pl.DataFrame, silver: Cells, gold: Cells
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Rows of gold that differ from the stored ones; key and file of those that are stored."""
        found = [self._changes(part, days, silver, gold) for part in self._parts(scope)]
        if not found:
            columns = gold.read().drop(BUCKET.name).collect_schema()
            stored = pl.DataFrame(schema=columns)
            return stored.drop(PATH), stored.select(*daily.KEY, PATH)
        changed, known = (pl.concat(frames) for frames in zip(*found, strict=True))
        return changed, known

    def _changes(
        self, scope: pl.DataFrame, days: pl.DataFrame, silver: Cells, gold: Cells
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        since = cast(date, scope["since"].min())
        wanted, at = scope.lazy(), pl.col("Date")
        lookback = timedelta(days=lookback_days(self.span.windows) - 1)
        # Without the hashes: a semi join reads all columns of everybody, and they are the largest.
        before = silver.where(at >= since - lookback).read().select(FROM_SILVER)
        unchanged = before.join(wanted, on="User", how="semi").join(
            days.lazy(), on=daily.KEY, how="anti"
        )
        ours = days.lazy().select(FROM_SILVER).join(wanted, on="User", how="semi")
        history = pl.concat([unchanged, ours]).collect(engine="streaming")
        rows = gold_rows(history, scope, self.span)
        stored = gold.where(at >= since).read().join(wanted, on="User", how="semi")
        known = stored.collect(engine="streaming")
        changed = rows.join(known, on=rows.columns, how="anti", nulls_equal=True)
        return changed, known.select(*daily.KEY, PATH)

    def _parts(self, scope: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """`scope` in parts of limited size: being computed, features take kilobytes per row."""
        if scope.is_empty():
            return
        days = (self.span.last - cast(date, scope["since"].min())).days + 1
        yield from scope.iter_slices(max(1, ROWS_AT_ONCE // days))

    def _named(self, rows: pl.DataFrame) -> Replacement:
        """The file that says which rows of gold changed, and what they are now."""
        if rows.is_empty():
            return Replacement()
        contract = changes_contract(self.span.windows)
        dated = rows.with_columns(
            base_version=pl.lit(self.gold.version, pl.Int64), changed_on=pl.lit(self.changed_on)
        )
        uri = table_uri(self.lake_uri, contract.name)
        return Replacement((write_file(dated, uri, contract, self.options),))


@dataclass(frozen=True)
class PutChanges:
    """Brings buckets of gold up to date with files of feature changes that are committed already.

    `files` are their paths by bucket.
    """

    uri: str
    options: Mapping[str, str]
    gold: Cells
    files: Mapping[int, tuple[str, ...]]

    def __call__(self, bucket: int, _: pl.DataFrame) -> Changes:
        """Write the files of one bucket."""
        paths = [f"{self.uri}/{path}" for path in self.files.get(bucket, ())]
        if not paths:
            return {}
        remote = dict(self.options) or None
        read = pl.scan_parquet(paths, hive_partitioning=False, glob=False, storage_options=remote)
        rows = read.collect().with_columns(pl.lit(bucket, pl.Int32).alias(BUCKET.name))
        dates = pl.col("Date").is_in(rows["Date"].unique().implode())
        mine = self.gold.where((pl.col(BUCKET.name) == bucket) & dates)
        stored = mine.read().join(rows.lazy(), on=daily.KEY, how="semi")
        return {names.GOLD_FEATURES: mine.put(rows, stored.select(*daily.KEY, PATH).collect())}
