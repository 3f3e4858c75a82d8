"""What is known of transactions: by the source, by investigators, and how much each row counts.

Verdicts come from the topic of outcomes and from `validated.csv`. If the source does not say which
transactions are frauds, those with a verdict stand for all: each counts 1 / the chance with which
it was chosen to be looked at (D. G. Horvitz and D. J. Thompson, A generalization of sampling
without replacement, 1952). If the source says so of each one, nothing was chosen, and each counts
once.
"""

from __future__ import annotations

import io
from pathlib import Path

import polars as pl
from pyarrow import fs
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as f

from lakehouse.errors import SourceError
from lakehouse.settings.root import from_root

FILE, WEIGHTS = "validated.csv", "validated_weights.csv"
_NEWEST = ("known_at", "kafka_timestamp", "offset")
_VERDICT = "trans_num string, verdict int, chance double"


def labels(bronze: DataFrame, outcomes: DataFrame | None, validated: DataFrame | None) -> DataFrame:
    """`trans_num`, `label` and `weight` of every transaction of which anything is known.

    The newest verdict counts, before that of `validated`, before what the source says.
    """
    told = bronze.where(f.col("is_fraud").isNotNull())
    known = told.groupBy("trans_num").agg(f.first("is_fraud").alias("source"))
    for name, verdicts in (("filed", validated), ("newest", _newest(outcomes))):
        known = _with_verdicts(known, verdicts, name)
    chance = f.coalesce("newest_chance", "filed_chance", f.lit(1.0))
    weight = f.when(f.col("source").isNotNull(), 1.0).otherwise(1.0 / chance)
    return known.select(
        "trans_num", f.coalesce("newest", "filed", "source").alias("label"), weight.alias("weight")
    )


def read_validated(spark: SparkSession, place: str) -> DataFrame | None:
    """The verdicts of `validated.csv` and their chances; None if there is no such file.

    `place` is a folder, or one in an object store such as `s3://bucket/folder`. Raises
    `SourceError` for a file that cannot be read.
    """
    rows, weights = _csv(place, FILE), _csv(place, WEIGHTS)
    if rows is None or rows.is_empty():
        return None
    try:
        found = rows.select("trans_num", pl.col("is_fraud").cast(pl.Int32).alias("verdict"))
        found = found.unique("trans_num", keep="last")
        if weights is None:
            weighted = found.with_columns(pl.lit(1.0).alias("chance"))
        else:
            chance = (1 / pl.col("weight").cast(pl.Float64)).alias("chance")
            weighted = found.join(
                weights.select("trans_num", chance).unique("trans_num", keep="last"),
                on="trans_num", how="left",
            )  # fmt: skip
    except pl.exceptions.PolarsError as error:
        raise _unreadable(f"{place}/{FILE}", str(error)) from None
    return spark.createDataFrame(weighted.rows(), _VERDICT)


def _newest(outcomes: DataFrame | None) -> DataFrame | None:
    if outcomes is None:
        return None
    order = Window.partitionBy("trans_num").orderBy(*(f.col(name).desc() for name in _NEWEST))
    latest = outcomes.withColumn("_rank", f.row_number().over(order)).where(f.col("_rank") == 1)
    return latest.select("trans_num", f.col("fraud_confirmed").alias("verdict"), "chance")


def _with_verdicts(known: DataFrame, verdicts: DataFrame | None, name: str) -> DataFrame:
    """`known` with the columns `name` and its chance; null where there is no verdict."""
    if verdicts is None:
        return known.withColumns(
            {name: f.lit(None).cast("int"), f"{name}_chance": f.lit(None).cast("double")}
        )
    renamed = verdicts.withColumnsRenamed({"verdict": name, "chance": f"{name}_chance"})
    return known.join(renamed, "trans_num", "full")


def _csv(place: str, name: str) -> pl.DataFrame | None:
    """A CSV file with all columns as text; None if it is not there."""
    where = f"{place.rstrip('/')}/{name}"
    try:
        if "://" in place:
            store, path = fs.FileSystem.from_uri(place)
            full = str(Path(path) / name)
            if store.get_file_info(full).type == fs.FileType.NotFound:
                return None
            with store.open_input_stream(full) as file:
                content = file.read()
        else:
            full = str(from_root(place) / name)
            if not Path(full).exists():
                return None
            content = Path(full).read_bytes()
        return pl.read_csv(io.BytesIO(content), infer_schema=False)
    except (OSError, ValueError, pl.exceptions.PolarsError) as error:
        raise _unreadable(where, str(error)) from None


def _unreadable(where: str, got: str) -> SourceError:
    return SourceError(where, "the file that `cdrlake cards validated` writes", got,
                       "write it again, or change cards.validated_dir")  # fmt: skip
