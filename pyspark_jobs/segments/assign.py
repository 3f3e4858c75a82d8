"""History to segments: type, state, segment and P(k) of every card, computed in Spark's tasks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import polars as pl
import pyarrow as pa
from delta.tables import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f
from pyspark.sql.streaming.query import StreamingQuery

from lakehouse.domains.segments import contracts, names
from lakehouse.domains.segments.domain import TYPES, WILL_SPEND
from lakehouse.domains.segments.segments import Shown, with_segment
from lakehouse.domains.settings import Settings
from lakehouse.errors import StreamError
from lakehouse.kinds import arrow_schema
from lakehouse.models import hazard, kmeans
from lakehouse.models.hazard import HazardScorer
from lakehouse.models.kmeans import KMeansScorer
from lakehouse.models.scoring import matrix
from lakehouse.names import table_uri
from lakehouse.registry import Registry, open_registry
from pyspark_jobs.delta import tables
from pyspark_jobs.engine import queries, readers

_NEW = ("insert", "update_postimage")


@dataclass(frozen=True)
class SegmentModels:
    """Both models as a worker needs them: the bytes of their files, and their versions."""

    types: bytes
    hazard: bytes
    shown: Shown
    types_version: int
    hazard_version: int


def start(spark: SparkSession, settings: Settings, every_seconds: float | None) -> StreamingQuery:
    """Start the query that keeps `gold.card_segments` up to date with the history of cards.

    Raises `StreamError` when one of the models has no champion.
    """
    registries = tuple(open_registry(settings, one) for one in (TYPES, WILL_SPEND))
    since = registries[0].scoring_start()
    if since is None:
        raise StreamError(names.ASSIGN.name, "a champion", "none", "train a model first")
    tables.create_missing(settings, contracts.GOLD_SEGMENTS)
    history = table_uri(settings.lake_uri, names.GOLD_HISTORY)
    rows = readers.change_stream(spark, history, settings.spark.max_files_per_trigger)
    wanted = rows.where(f.col("_change_type").isin(*_NEW) & (f.col("as_of") >= f.lit(since)))
    assign = Assign(spark, settings, *registries).write_batch
    write = queries.noting(names.ASSIGN, settings, assign, names.GOLD_SEGMENTS)
    every = queries.following(settings.spark, every_seconds)
    return queries.start(names.ASSIGN, wanted, write, settings, every)


class Assign:
    """Puts the cards of a micro-batch into segments, with the champions of that moment."""

    def __init__(
        self, spark: SparkSession, settings: Settings, types: Registry, will_spend: Registry
    ) -> None:
        self._spark, self._types, self._hazard = spark, types, will_spend
        self._uri = table_uri(settings.lake_uri, names.GOLD_SEGMENTS)

    def write_batch(self, changes: DataFrame, _batch_id: int) -> None:
        """Merge the segments of changed rows of history; of several states the last one counts."""
        values = [name for name in contracts.GOLD_HISTORY.names if name not in ("card", "as_of")]
        newest = f.max_by(f.struct(*values), "_commit_version").alias("row")
        rows = changes.groupBy("card", "as_of").agg(newest).select("card", "as_of", "row.*")
        found = with_segments(rows, self._models())
        table = DeltaTable.forPath(self._spark, self._uri).alias("t")
        same = (f.col("t.card") == f.col("s.card")) & (f.col("t.as_of") == f.col("s.as_of"))
        merge = table.merge(found.alias("s"), same)
        merge.whenMatchedUpdateAll().whenNotMatchedInsertAll().execute()

    def _models(self) -> SegmentModels:
        found = []
        for registry in (self._types, self._hazard):
            version = registry.champion()
            if version is None:
                raise StreamError(names.ASSIGN.name, "a champion", "none", "promote a version")
            found.append((version.number, registry.load(version)))
        (types_version, types), (hazard_version, known) = found
        shown = Shown.of(types.manifest.recipe)
        return SegmentModels(types.file, known.file, shown, types_version, hazard_version)


def with_segments(history: DataFrame, models: SegmentModels) -> DataFrame:
    """Rows of `gold.card_segments` for rows of history."""
    wanted = arrow_schema(contracts.GOLD_SEGMENTS)

    def task(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            if len(batch):
                frame = pl.DataFrame(pl.from_arrow(pa.Table.from_batches([batch])))
                table = segments_of(frame, models).to_arrow(compat_level=pl.CompatLevel.oldest())
                yield from table.cast(wanted).to_batches()

    return history.mapInArrow(task, tables.schema(contracts.GOLD_SEGMENTS))


def segments_of(history: pl.DataFrame, models: SegmentModels) -> pl.DataFrame:
    """The same for a frame in memory."""
    kinds, spending = _scorers(models.types, models.hazard)
    scores = kinds.score(matrix(history, kinds.features))
    longest = max(contracts.STORED_HORIZONS)
    curve = spending.curve(matrix(history, spending.features), longest)
    placed = with_segment(history, scores, kinds.model.names, models.shown)
    return placed.with_columns(
        *(pl.Series(f"p_{k}", curve[:, k - 1]) for k in contracts.STORED_HORIZONS),
        model_version=pl.lit(models.types_version, pl.Int32),
        will_spend_version=pl.lit(models.hazard_version, pl.Int32),
    ).select(contracts.GOLD_SEGMENTS.names)


@lru_cache(maxsize=4)
def _scorers(types: bytes, known: bytes) -> tuple[KMeansScorer, HazardScorer]:
    return kmeans.load(types, {}), hazard.load(known, {})
