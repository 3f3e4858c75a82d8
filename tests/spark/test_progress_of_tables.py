"""How far a query on a table is behind, from Spark's own events."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from pyspark.sql import SparkSession

from cdrlake.waiting import Waiter
from lakehouse import store
from lakehouse.clock import FixedClock, SystemClock
from pyspark_jobs.engine import readers
from pyspark_jobs.engine.progress_listener import ProgressListener

pytestmark = pytest.mark.spark


def test_each_batch_reports_the_versions_that_are_left(spark: SparkSession, tmp_path: Path) -> None:
    source, table = str(tmp_path / "source"), str(tmp_path / "progress")
    for number in range(3):
        pl.DataFrame({"number": [number]}).write_delta(source, mode="append")
    first = readers.table_stream(spark, source, 1).writeStream.format("noop")
    first = first.option("checkpointLocation", str(tmp_path / "checkpoint"))
    first.trigger(availableNow=True).start().awaitTermination()
    for number in range(3):
        pl.DataFrame({"number": [number]}).write_delta(source, mode="append")
    listener = ProgressListener(tmp_path, table, FixedClock(datetime(2026, 6, 1, tzinfo=UTC)))
    spark.streams.addListener(listener)
    try:
        again = readers.table_stream(spark, source, 1).writeStream.format("noop")
        again = again.option("checkpointLocation", str(tmp_path / "checkpoint"))
        again.queryName("job__table_v1").trigger(availableNow=True).start().awaitTermination()
        waiter = Waiter(SystemClock(), 30, lambda: None)
        waiter.until(lambda: store.exists(table) or None, "the listener's table", 0.1)
    finally:
        spark.streams.removeListener(listener)
    reported = store.scan(table).sort("batch_id").collect()["lag_versions"]
    assert reported.to_list()[-3:] == [2, 1, 0]
