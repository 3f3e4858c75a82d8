"""Training sets: version 0 from the raw file, version N+1 from what was joined since version N.

All versions are rows of one Delta table, and each is exported as `training_datasets/v<N>/ds.csv`.
A truth that is corrected later comes in again with a later version; training takes the newest.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f

from lakehouse import store
from lakehouse.clock import Clock
from lakehouse.domains.fraud import names
from lakehouse.domains.fraud.contracts import DATASETS, FEATURES
from lakehouse.domains.settings import Settings
from lakehouse.errors import SourceError
from lakehouse.kinds import polars_schema
from lakehouse.names import table_uri
from pyspark_jobs.delta import tables
from pyspark_jobs.delta.table_writer import DeltaTableWriter
from pyspark_jobs.engine import readers
from pyspark_jobs.fraud import metadata

EXPORTED = ("account_number", "Time", *FEATURES, "Class")


@dataclass(frozen=True)
class Built:
    """A training set: its number, its rows, and the version of the Delta table that has it."""

    version: int
    rows: int
    delta_version: int
    file: Path


def build(
    spark: SparkSession, settings: Settings, clock: Clock, raw: pl.DataFrame | None = None
) -> Built | None:
    """Add the next training set; None if nothing was joined since the last one.

    `raw` has the rows of the source's file, for version 0. Raises `SourceError` when there is a
    version 0 already, or nothing to begin with.
    """
    tables.create_missing(settings, DATASETS)
    version = latest(settings) + 1
    _export_missing(settings, version)
    if raw is not None:
        _require_first(version)
        _append_raw(settings, clock, raw)
    else:
        _append_joined(spark, settings, version)
    uri = table_uri(settings.lake_uri, names.DATASETS)
    rows = store.scan(uri, settings.lake_options).filter(pl.col("version") == version)
    count = int(store.collect(rows.select(pl.len()), uri, settings.lake_options).item())
    if not count:
        return None
    _export_missing(settings, version + 1)
    return Built(version, count, delta_version(settings), _file(settings, version))


def latest(settings: Settings) -> int:
    """Number of the newest training set; -1 before the first."""
    uri = table_uri(settings.lake_uri, names.DATASETS)
    if not store.exists(uri, settings.lake_options):
        return -1
    newest = store.scan(uri, settings.lake_options).select(pl.col("version").max())
    found = store.collect(newest, uri, settings.lake_options).item()
    return -1 if found is None else int(found)


def delta_version(settings: Settings) -> int:
    """Version of the Delta table of training sets, with which they can be read again."""
    uri = table_uri(settings.lake_uri, names.DATASETS)
    return int(store.version(uri, settings.lake_options) or 0)


def export(settings: Settings, version: int) -> Path:
    """Write a version as `training_datasets/v<N>/ds.csv`, with a header; in the order of time."""
    file = _file(settings, version)
    file.parent.mkdir(parents=True, exist_ok=True)
    uri = table_uri(settings.lake_uri, names.DATASETS)
    rows = store.scan(uri, settings.lake_options).filter(pl.col("version") == version)
    draft = file.with_name(f".{metadata.DATASET_FILE}.draft")
    rows.sort("ingest_ts", "message_id").select(EXPORTED).sink_csv(draft)
    return draft.replace(file)


def _file(settings: Settings, version: int) -> Path:
    folder = settings.fraud.project / metadata.DATASETS_FOLDER / f"v{version}"
    return folder / metadata.DATASET_FILE


def _export_missing(settings: Settings, count: int) -> None:
    """Export those of the first `count` versions that no file has: one may have died before it."""
    missing = [number for number in range(count) if not _file(settings, number).exists()]
    for number in missing:
        export(settings, number)
    if missing:
        metadata.write(settings, current_version=count - 1)


def labelled(spark: SparkSession, settings: Settings, delta_version: int) -> DataFrame:
    """Every event of all training sets once, with the newest truth about it, as of a version."""
    rows = readers.read_table(spark, table_uri(settings.lake_uri, names.DATASETS), delta_version)
    newest = f.max_by(f.struct(*DATASETS.names), f.struct("known_at", "version"))
    return rows.groupBy("message_id").agg(newest.alias("row")).select("row.*")


def _require_first(version: int) -> None:
    if version:
        raise SourceError.sentence(
            f"There is a training set {version - 1} already, and the raw file makes version 0; "
            "leave the file out, or begin afresh with `cdrlake reset`."
        )


def _append_raw(settings: Settings, clock: Clock, raw: pl.DataFrame) -> None:
    """Version 0: the rows of the file, dated so that the last payment was a moment ago."""
    until = pl.lit(clock.now() - timedelta(minutes=1)).cast(pl.Datetime("us", "UTC"))
    before = ((raw["Time"].max() - pl.col("Time")) * 1e6).round().cast(pl.Int64)
    kinds: Any = polars_schema(DATASETS)
    rows = raw.with_row_index("row").with_columns(
        version=pl.lit(0),
        message_id=pl.format("v0:{}", "row"),
        ingest_ts=until - before.cast(pl.Duration("us")),
        known_at=pl.lit(None),
    )
    table = DeltaTableWriter(settings.lake_uri, DATASETS, settings.lake_options)
    chosen = rows.select(DATASETS.names).cast(kinds)
    table.upsert(chosen, chosen.head(0).select(DATASETS.key))


def _append_joined(spark: SparkSession, settings: Settings, version: int) -> None:
    """Version N+1: events whose truth no training set has yet; in Spark's tasks."""
    places = {
        name: table_uri(settings.lake_uri, name)
        for name in (names.JOINED, names.BRONZE_EVENTS, names.DATASETS)
    }
    if not all(store.exists(place, settings.lake_options) for place in places.values()):
        raise SourceError.sentence(
            "Nothing has been joined yet: stream events and their truth first, or name the raw "
            "file with --csv for version 0."
        )
    joined, events, known = (readers.read_table(spark, place) for place in places.values())
    held = known.where("known_at is not null").select("message_id", "known_at")
    new = joined.select("message_id", "ingest_ts", "Class", "known_at")
    new = new.join(held, ["message_id", "known_at"], "left_anti")
    described = events.select("message_id", "account_number", "Time", *FEATURES)
    rows = described.dropDuplicates(["message_id"]).join(new, "message_id")
    chosen = rows.withColumn("version", f.lit(version)).select(*DATASETS.names)
    # One that died before its commit added nothing; after it, there is nothing new to be added.
    chosen.write.format("delta").mode("append").save(places[names.DATASETS])
