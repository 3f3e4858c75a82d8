"""Bronze to gold: features of cards as of the end of a day, and what came of them a week later."""

from __future__ import annotations

from datetime import date, timedelta

from delta.tables import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f
from pyspark.sql.streaming.query import StreamingQuery

from lakehouse.contracts import Contract
from lakehouse.domains.segments import contracts, names
from lakehouse.domains.segments.next_purchase import STORED_K, Coverage, origins
from lakehouse.domains.settings import Settings
from lakehouse.names import table_uri
from pyspark_jobs.delta import tables
from pyspark_jobs.engine import queries, readers
from pyspark_jobs.segments.features import buckets_for, distinct_purchases, history_rows

_WEEK = timedelta(days=STORED_K)
_ONE_DAY = timedelta(days=1)
_KEY = ("card", "as_of")


def start(spark: SparkSession, settings: Settings, every_seconds: float | None) -> StreamingQuery:
    """Start the query that keeps the history of cards and its outcomes up to date with bronze."""
    made = (contracts.BRONZE_PURCHASES, contracts.GOLD_HISTORY, contracts.GOLD_OUTCOMES)
    tables.create_missing(settings, *made)
    bronze = table_uri(settings.lake_uri, names.BRONZE_PURCHASES)
    rows = readers.table_stream(spark, bronze, settings.spark.max_files_per_trigger)
    transform = Transform(spark, settings).write_batch
    written = (names.GOLD_HISTORY, names.GOLD_OUTCOMES)
    write = queries.noting(names.TRANSFORM, settings, transform, *written)
    every = queries.following(settings.spark, every_seconds)
    return queries.start(names.TRANSFORM, rows, write, settings, every)


class Transform:
    """Rows of history for each new day, and again for cards whose purchases came late.

    A row is what `card_features` says of the card's purchases in bronze, so the result does not
    depend on the order or the batches in which they came. A batch that is replayed changes nothing.
    """

    def __init__(self, spark: SparkSession, settings: Settings) -> None:
        self._spark, self._own, self._lake = spark, settings.segments, settings.lake_uri
        self._bronze = table_uri(self._lake, names.BRONZE_PURCHASES)
        self._history = table_uri(self._lake, names.GOLD_HISTORY)
        self._outcomes = table_uri(self._lake, names.GOLD_OUTCOMES)

    def write_batch(self, batch: DataFrame, batch_id: int) -> None:
        """Bring history and outcomes up to date with one micro-batch of purchases."""
        earliest = batch.agg(f.min("date")).collect()[0][0]
        if earliest is None:
            return
        purchases = distinct_purchases(readers.read_table(self._spark, self._bronze)).cache()
        try:
            first, newest = purchases.agg(f.min("date"), f.max("date")).collect()[0]
            new = self._append_new_days(purchases, (first, newest), batch_id)
            self._correct(purchases, batch, earliest, new)
            self._tell_outcomes(purchases, (earliest, newest), batch_id)
        finally:
            purchases.unpersist()

    def _append_new_days(
        self, purchases: DataFrame, span: tuple[date, date], batch_id: int
    ) -> set[date]:
        """Append the rows of days that history does not have yet, of all cards; which they are.

        If the batch was replayed, the append may be there already: then its days are known, or
        Delta leaves it out by the transaction's number.
        """
        begin = span[0] + timedelta(days=self._own.warm_up_days)
        known = self._days(self._history)
        days = origins(begin, span[1], self._own.step_days)
        new = tuple(day for day in days if day not in known)
        if new:
            rows = history_rows(purchases, new, buckets_for(purchases)).repartition("as_of")
            self._append(rows, self._history, "days", batch_id)
        return set(new)

    def _correct(
        self, purchases: DataFrame, batch: DataFrame, earliest: date, new: set[date]
    ) -> None:
        """Merge, for the cards of the batch, the rows of known days after its earliest purchase."""
        known = self._days(self._history) - new
        again = tuple(sorted(day for day in known if day > earliest))
        if again:
            touched = purchases.join(batch.select("card").distinct(), "card", "semi")
            self._merge(history_rows(touched, again, buckets_for(purchases)), again)

    def _append(self, rows: DataFrame, uri: str, what: str, batch_id: int) -> None:
        rows.write.format("delta").mode("append").option(
            "txnAppId", f"{names.TRANSFORM.name}-{what}"
        ).option("txnVersion", batch_id).save(uri)

    def _merge(self, rows: DataFrame, days: tuple[date, ...]) -> None:
        """Insert rows whose key is new; replace those of which any value differs."""
        contract = contracts.GOLD_HISTORY
        same = (
            (f.col("t.card") == f.col("s.card"))
            & (f.col("t.as_of") == f.col("s.as_of"))
            & f.col("t.as_of").isin(list(days))
        )
        table = DeltaTable.forPath(self._spark, self._history).alias("t")
        merge = table.merge(rows.alias("s"), same)
        merge.whenMatchedUpdateAll(_differs(contract)).whenNotMatchedInsertAll().execute()

    def _tell_outcomes(self, purchases: DataFrame, span: tuple[date, date], batch_id: int) -> None:
        """Append whether cards bought, for windows that have closed or that the batch changed."""
        earliest, newest = span
        # The newest day may go on; a window is closed when all of its days are before that one.
        coverage = Coverage(earliest, newest - _ONE_DAY, self._own.holes)
        closed = [day for day in self._days(self._history) if coverage.days_ahead(day) >= STORED_K]
        told = self._days(self._outcomes)
        wanted = [day for day in closed if day not in told or day > earliest - _WEEK]
        if not wanted:
            return
        found = outcomes(
            readers.read_table(self._spark, self._history).where(f.col("as_of").isin(wanted)),
            purchases,
        )
        stored = readers.read_table(self._spark, self._outcomes).where(f.col("as_of").isin(wanted))
        latest = stored.groupBy(*_KEY).agg(f.max_by("bought", "batch_id").alias("bought"))
        news = found.join(latest, [*_KEY, "bought"], "anti").select(
            "as_of",
            "card",
            "bought",
            f.lit(newest).alias("known_on"),
            f.lit(batch_id).cast("long").alias("batch_id"),
        )
        self._append(news.repartition("as_of"), self._outcomes, "outcomes", batch_id)

    def _days(self, uri: str) -> set[date]:
        rows = readers.read_table(self._spark, uri).select("as_of").distinct().collect()
        return {row[0] for row in rows}


def outcomes(history: DataFrame, purchases: DataFrame) -> DataFrame:
    """`card`, `as_of`, `bought`: whether each card of history bought within its week."""
    days = purchases.where(f.col("amount") > 0).select(
        f.col("card").alias("buyer"), f.col("date").alias("day")
    )
    is_within = (
        (f.col("buyer") == f.col("card"))
        & (f.col("day") >= f.col("as_of"))
        & (f.col("day") < f.date_add("as_of", STORED_K))
    )
    joined = history.select(*_KEY).join(days.distinct(), is_within, "left")
    return joined.groupBy(*_KEY).agg((f.count("buyer") > 0).alias("bought"))


def _differs(contract: Contract) -> str:
    pairs = [f"t.`{name}` <=> s.`{name}`" for name in contract.names if name not in contract.key]
    return f"NOT ({' AND '.join(pairs)})"
