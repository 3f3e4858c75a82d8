"""Where the rows of SQL files go, and what is kept where they go nowhere."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

from pyspark.sql import SparkSession

from lakehouse import ticks
from lakehouse.domains.clicks import contracts
from lakehouse.domains.settings import Settings
from pyspark_jobs.delta import tables
from tests.spark.test_sql_run import FOLDER, clicks, put, run_to_end


def test_a_query_whose_documents_nobody_takes_keeps_its_windows(
    spark: SparkSession, lake: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "pipeline"
    shutil.copytree(FOLDER, folder)
    query = "SELECT * FROM events_in_10_minutes_window"  # nothing shuffles its rows once more
    settings = "-- collection: r\n-- key: user_id, window_start\n"
    (folder / "bot_detection_results.sql").write_text(settings + query)
    tables.create_missing(lake, contracts.BRONZE_EVENTS)
    rows = clicks(60)
    put(lake, rows[:30], 0)
    ticks.send(lake, "events", rows[29]["ts"])
    run_to_end(spark, lake, folder)
    put(lake, rows[30:], 30)
    ticks.send(lake, "events", rows[-1]["ts"] + timedelta(minutes=11))
    kept = run_to_end(spark, lake, folder).lastProgress
    assert kept is not None
    assert [one["numRowsTotal"] for one in kept["stateOperators"]] == [0, 0]
