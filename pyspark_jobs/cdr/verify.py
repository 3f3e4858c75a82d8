"""Whether the lake still matches bronze: everything recomputed and compared bit by bit.

A flipped bit in a Parquet page can change a value without any reader noticing. Whatever is derived
can be recomputed: silver from bronze, gold from silver, a prediction from the features stored with
it and the version it names.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import cast

import polars as pl
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f

from lakehouse import store
from lakehouse.contracts import BUCKET, Contract
from lakehouse.domains.cdr import contracts, names
from lakehouse.domains.cdr.features import gold_contract, lookback_days
from lakehouse.domains.settings import Settings
from lakehouse.errors import LedgerError
from lakehouse.models.stored_features import unpacked
from lakehouse.names import table_uri
from lakehouse.registry import Registry
from pyspark_jobs.cdr import daily
from pyspark_jobs.cdr.block import Span
from pyspark_jobs.cdr.features import FROM_SILVER, gold_rows
from pyspark_jobs.delta import differences, file_checksums, tables
from pyspark_jobs.delta.differences import Difference
from pyspark_jobs.delta.table_writer import DeltaTableWriter
from pyspark_jobs.engine import readers

LOG = logging.getLogger(__name__)
DAY = timedelta(days=1)


def sample(dates: Sequence[date], count: int) -> list[date]:
    """Up to `count` of the dates, chosen at random, in order."""
    return sorted(random.sample(list(dates), min(count, len(dates))))


class Verifier:
    """Compares the tables of some dates with what they should hold; changes nothing."""

    def __init__(self, spark: SparkSession, settings: Settings, registry: Registry) -> None:
        self._spark, self._settings, self._registry = spark, settings, registry
        self._options = settings.lake_options
        self._gold = gold_contract(settings.cdr.feature_windows)

    def files(self, tables: Iterable[str], *, all_of_them: bool = False) -> list[Difference]:
        """Files of `tables` that are missing or damaged.

        New files are read, and a share of the others; or `all_of_them`.
        """
        again = None if all_of_them else file_checksums.BYTES_AGAIN
        return file_checksums.verify(self._spark, self._settings, tables, again)

    def dates(self) -> list[date]:
        """All dates of silver, oldest first."""
        uri = table_uri(self._settings.lake_uri, names.SILVER_DAILY)
        if not store.exists(uri, self._options):
            return []
        dates = store.scan(uri, self._options).select("Date").unique()
        found = store.collect(dates, uri, self._options)
        return found["Date"].sort().to_list()

    def settled(self) -> list[date]:
        """Dates that no event may change any more: the streams that run do not disturb these."""
        dates = self.dates()
        lateness = self._settings.cdr.allowed_lateness_days * DAY
        return [day for day in dates if day < dates[-1] - lateness]

    def require(
        self, tables: Iterable[str], dates: Sequence[date], *, all_files: bool = False
    ) -> None:
        """Verify the files of `tables`, then the rows of `dates`, and log what differs.

        Raises `LedgerError` where anything does; damaged files are reported before any row is read.
        """
        self._refuse(self.files(tables, all_of_them=all_files))
        found: list[Difference] = []
        for number, day in enumerate(dates, 1):
            found.extend(self.day(day))
            LOG.info("%s verified, %d of %d days", day, number, len(dates))
        self._refuse(found)
        LOG.info("all files and %d days are as they should be", len(dates))

    def _refuse(self, found: Sequence[Difference]) -> None:
        for one in found:
            LOG.error("%s", one)
        if found:
            raise LedgerError.sentence(
                f"{len(found):,} files or values differ from what was written or follows from "
                "bronze, as listed above. Restore them from a backup (docs/operations.md, Verify)."
            )

    def day(self, day: date) -> list[Difference]:
        """Everything that silver, gold and the predictions wrongly hold for `day`."""
        return [*self._of_silver(day), *self._of_gold(day), *self._of_predictions(day)]

    def _of_silver(self, day: date) -> list[Difference]:
        bronze = self._bronze().where(f.col("Date") == day)
        buckets = tables.buckets(self._settings, contracts.SILVER_DAILY)
        rows = daily.event_columns(bronze, buckets).toArrow()
        events = cast(pl.DataFrame, pl.from_arrow(rows))
        stored = self._stored(contracts.SILVER_DAILY, day)
        expected = _with_bucket(daily.apply_events(stored.clear(), events), events)
        return differences.of_rows(names.SILVER_DAILY, stored, expected, daily.KEY)

    def _of_gold(self, day: date) -> list[Difference]:
        note = DeltaTableWriter(self._settings.lake_uri, self._gold, self._options)
        closed = note.last_note("closed_through")
        cdr = self._settings.cdr
        since = day - (lookback_days(cdr.feature_windows) - 1) * DAY
        silver = self._scan(contracts.SILVER_DAILY).filter(pl.col("Date").is_between(since, day))
        days = self._collect(contracts.SILVER_DAILY, silver.select(*FROM_SILVER, BUCKET.name))
        scope = days.select("User").unique().with_columns(since=pl.lit(day))
        closed_through = date.fromisoformat(closed) if closed else day - DAY
        span = Span(day, closed_through, cdr.active_window_days, cdr.feature_windows)
        expected = _with_bucket(gold_rows(days, scope, span), days)
        return differences.of_rows(
            self._gold.name, self._stored(self._gold, day), expected, daily.KEY
        )

    def _of_predictions(self, day: date) -> Iterator[Difference]:
        stored = self._stored(contracts.PREDICTIONS, day)
        for (number,), rows in stored.group_by("model_version"):
            scorer = self._registry.load(self._registry.version(cast(int, number))).scorer
            scores = scorer.score(unpacked(rows, scorer.features))
            expected = rows.with_columns(
                probability_1=scores.probability, prediction=scores.prediction
            )
            yield from differences.of_rows(
                names.PREDICTIONS, rows, expected, contracts.PREDICTIONS.key
            )

    def _bronze(self) -> DataFrame:
        return readers.read_table(
            self._spark, table_uri(self._settings.lake_uri, names.BRONZE_EVENTS)
        )

    def _scan(self, contract: Contract) -> pl.LazyFrame:
        return store.scan(table_uri(self._settings.lake_uri, contract.name), self._options)

    def _stored(self, contract: Contract, day: date) -> pl.DataFrame:
        if not store.exists(table_uri(self._settings.lake_uri, contract.name), self._options):
            return pl.DataFrame(schema=contract.names)
        return self._collect(contract, self._scan(contract).filter(pl.col("Date") == day))

    def _collect(self, contract: Contract, rows: pl.LazyFrame) -> pl.DataFrame:
        uri = table_uri(self._settings.lake_uri, contract.name)
        return store.collect(rows, uri, self._options)


def _with_bucket(rows: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """`rows` with the bucket in which `known` has the subscriber."""
    buckets = known.select("User", BUCKET.name).unique()
    return rows.join(buckets, on="User", how="left", maintain_order="left")
