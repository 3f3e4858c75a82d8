"""The straight way that many begin with: a CSV's columns as text in MySQL, and all of it each day.

Spark reads the whole table over JDBC, casts, joins sums, means and deviations of each date, adds
logarithms and lets MLlib score every row again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
from pyspark.ml import PipelineModel
from pyspark.ml.classification import RandomForestClassifier
from pyspark.ml.feature import VectorAssembler
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f

from lakehouse import mysql
from lakehouse.domains.cdr.contracts import MEASURE_NAMES
from lakehouse.settings.model import MysqlSettings

TABLE = "Everything_As_Text"
COLUMNS = ("DP_DATE", "DP_MSISDN", *MEASURE_NAMES)
USAGE = ("DP_MOC_COUNT", "DP_MOC_DURATION", "DP_DATA_COUNT", "DP_DATA_VOLUME")
WINDOWED = [f"{name}_{kind}" for name in USAGE for kind in ("sum", "mean", "stddev")]
FEATURES = [name + ending for name in (*USAGE, *WINDOWED) for ending in ("", "_log")]
TREES, DEPTH, TAUGHT = 100, 10, 20_000


def create(settings: MysqlSettings) -> None:
    """An empty table; every column is text, as CSV gives it."""
    columns = ", ".join(f"`{name}` VARCHAR(255)" for name in COLUMNS)
    with mysql.connect(settings, admin=True) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE `{settings.database}`.{TABLE} ({columns})")


def append(settings: MysqlSettings, events: pl.DataFrame, folder: Path) -> None:
    """Load events into the table."""
    file = folder / "events.csv"
    events.select(COLUMNS).write_csv(file, include_header=False)
    load = (
        f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE {TABLE} "
        "FIELDS TERMINATED BY ',' LINES TERMINATED BY '\\n'"
    )
    with mysql.connect(settings, upload_from=folder) as connection, connection.cursor() as cursor:
        cursor.execute(load)
        connection.commit()


def teach(spark: SparkSession, settings: MysqlSettings) -> PipelineModel:
    """A forest; what it learns means nothing, its work does."""
    rows = _features(spark, settings).limit(TAUGHT).withColumn("label", f.round(f.rand(1)))
    forest = RandomForestClassifier(numTrees=TREES, maxDepth=DEPTH, seed=1)
    assembler = VectorAssembler(inputCols=FEATURES, outputCol="features")
    assembled = assembler.transform(rows)
    return PipelineModel([assembler, forest.fit(assembled)])


def score(spark: SparkSession, settings: MysqlSettings, model: PipelineModel, out: Path) -> None:
    """Everything from the table to the predictions of all rows, in Parquet."""
    scored = model.transform(_features(spark, settings))
    rows = scored.select(
        "User", "Date", *FEATURES, "prediction", f.col("probability").cast("string")
    )
    rows.write.mode("overwrite").parquet(str(out))


def _features(spark: SparkSession, settings: MysqlSettings) -> DataFrame:
    rows = _table(spark, settings).select(
        f.to_date("DP_DATE").alias("Date"),
        f.col("DP_MSISDN").alias("User"),
        *(f.col(name).cast("double") for name in USAGE),
    )
    figures = [
        getattr(f, kind)(name).alias(f"{name}_{kind}")
        for name in USAGE
        for kind in ("sum", "mean", "stddev")
    ]
    joined = rows.join(rows.groupBy("Date").agg(*figures), "Date").fillna(0.0)
    logs = {f"{name}_log": f.log1p(name) for name in (*USAGE, *WINDOWED)}
    return joined.withColumns(logs)


def _table(spark: SparkSession, settings: MysqlSettings) -> DataFrame:
    secret = settings.password
    properties: dict[str, Any] = {
        "user": settings.user,
        "password": secret.get_secret_value() if secret else "",
        "driver": "com.mysql.cj.jdbc.Driver",
        # Otherwise the driver holds all rows in memory before it gives the first.
        "useCursorFetch": "true",
        "fetchsize": "10000",
    }
    url = f"jdbc:mysql://{settings.host}:{settings.port}/{settings.database}"
    return spark.read.jdbc(url, TABLE, properties=properties)
