"""Where the rows of SQL files go, and what is kept where they go nowhere."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrameWriter, SparkSession

from lakehouse import ticks
from lakehouse.domains.clicks import contracts
from lakehouse.domains.settings import Settings
from lakehouse.settings.kafka import KafkaSettings
from pyspark_jobs.delta import tables
from pyspark_jobs.sql import sql_file
from pyspark_jobs.sql.sinks import Sinks
from tests.spark.test_sql_run import FOLDER, clicks, put, run_to_end


def test_rows_go_to_the_topic_that_the_broker_has_under_that_name(
    spark: SparkSession, lake: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, told = tmp_path / "a.sql", dict[str, Any]()
    path.write_text("-- topic: results\n-- key: id\nSELECT 1 AS id")
    kafka = KafkaSettings(topics={"results": "shop.results"})
    settings = lake.model_copy(update={"kafka": kafka})

    def note(writer: DataFrameWriter, name: str, value: Any) -> DataFrameWriter:
        told[name] = value
        return writer

    monkeypatch.setattr(DataFrameWriter, "option", note)
    monkeypatch.setattr(DataFrameWriter, "save", lambda _: None)
    Sinks(sql_file.read(path), "q", settings).write_batch(spark.sql("SELECT 1 AS id"), 0)
    assert told["topic"] == "shop.results"


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
