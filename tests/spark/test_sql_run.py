"""SQL files over rows and over a lake: a stream in any cuts gives what the batch gives."""

from __future__ import annotations

import random
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import polars as pl
import pyarrow as pa
import pytest
from deltalake import write_deltalake
from pyspark.errors import StreamingQueryException
from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from lakehouse import kafka, store, ticks
from lakehouse.domains.clicks import CLICKS, contracts, names
from lakehouse.domains.clicks.domain import EVENTS
from lakehouse.domains.settings import Settings
from lakehouse.errors import UnreachableError
from lakehouse.kinds import arrow_schema
from lakehouse.names import table_uri
from lakehouse.settings import ROOT
from pyspark_jobs.delta import tables
from pyspark_jobs.sql import level, predict, rows_test, sql_file
from pyspark_jobs.sql.catalog import Catalog
from pyspark_jobs.sql.live_models import RegistryPlace
from pyspark_jobs.sql.run import Pipeline
from pyspark_jobs.sql.sinks import Sinks
from pyspark_jobs.sql.ticks import has_open

FOLDER = ROOT / "conf" / "pipelines" / "clicks"
CATALOG = Catalog.of(CLICKS)
START = datetime(2026, 1, 1, 10, tzinfo=UTC)
WINDOWS = "events_in_10_minutes_window"


def clicks(count: int, seed: int = 1) -> list[dict[str, Any]]:
    """Clicks of five users within half an hour, in order."""
    rng = random.Random(seed)
    seconds = sorted(rng.sample(range(1_800), count))
    return [
        {"user_id": str(rng.randrange(5)), "ts": START + timedelta(seconds=second),
         "event": rng.choice(contracts.PAGES)}
        for second in seconds
    ]  # fmt: skip


def mixed(rows: list[dict[str, Any]], within_s: float, seed: int = 2) -> list[dict[str, Any]]:
    """The rows out of order by less than `within_s` seconds, one in five twice."""
    rng = random.Random(seed)
    doubled = rows + [row for row in rows if rng.random() < 0.2]
    late = {id(row): rng.random() * within_s for row in rows}
    return sorted(doubled, key=lambda row: row["ts"].timestamp() + late[id(row)])


def subject(spark: SparkSession) -> rows_test.Tested:
    return rows_test.Tested(spark, sql_file.read_folder(FOLDER), CATALOG)


@pytest.mark.parametrize("way", ["batch", "stream"])
def test_the_tests_beside_the_sql_pass(spark: SparkSession, way: rows_test.Way) -> None:
    predict.register(spark, RegistryPlace("sqlite:////nowhere.db", "/nowhere"))
    cases = rows_test.read(FOLDER)
    assert cases
    assert [rows_test.differences(subject(spark), case, way) for case in cases] == [[]]


def test_a_stream_in_any_cuts_gives_what_the_batch_gives(spark: SparkSession) -> None:
    rows, wanted = clicks(60), (WINDOWS,)
    predict.register(spark, RegistryPlace("sqlite:////nowhere.db", "/nowhere"))
    batch = rows_test.run(subject(spark), {"events": rows}, wanted, "batch")[WINDOWS]
    views = [name for name in batch[0] if name.endswith("_views")]
    assert sum(row[name] for row in batch for name in views) == 5 * len(rows)
    for cuts in (1, 6):
        given = {"events": mixed(rows, within_s=25)}
        stream = rows_test.run(subject(spark), given, wanted, "stream", cuts)[WINDOWS]
        assert sorted(map(str, stream)) == sorted(map(str, batch)), cuts


def put(lake: Settings, rows: list[dict[str, Any]], offset: int) -> None:
    """Rows as ingest would have written them."""
    wire = {"topic": names.TOPIC_EVENTS, "partition": 0, "batch_id": offset, "extras": None,
            "kafka_timestamp": START, "ingested_at": START}  # fmt: skip
    full = [
        {**row, **wire, "event_date": row["ts"].date(), "offset": offset + i}
        for i, row in enumerate(rows)
    ]
    schema = arrow_schema(contracts.BRONZE_EVENTS)
    uri = table_uri(lake.lake_uri, contracts.BRONZE_EVENTS.name)
    write_deltalake(uri, pa.Table.from_pylist(full, schema=schema), mode="append")


def results(lake: Settings) -> pl.DataFrame:
    uri = table_uri(lake.lake_uri, contracts.RESULTS.name)
    return store.scan(uri, {}).collect().sort(contracts.RESULTS.key)


def run_to_end(spark: SparkSession, lake: Settings, folder: Path) -> StreamingQuery:
    """The one query of the files, after it has read everything."""
    (query,) = Pipeline(spark, lake, CLICKS, sql_file.read_folder(folder)).starts(None)
    running = query()
    running.awaitTermination()
    return running


def is_level(lake: Settings, folder: Path) -> bool:
    """Whether the query has read all of bronze; nothing ever comes from Kafka."""
    results = sql_file.read(folder / "bot_detection_results.sql")
    identity = Pipeline(cast(Any, None), lake, CLICKS, ()).identity(results)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kafka, "offset_ranges", lambda *_: {0: (0, 0)})
        return level.is_level(lake, EVENTS, [identity])


def without_topic(folder: Path) -> Path:
    """A copy of the pipeline that writes its results to the table only."""
    shutil.copytree(FOLDER, folder)
    file = folder / "bot_detection_results.sql"
    text = file.read_text().replace("-- topic: bot_detection_results\n", "")
    file.write_text(text.replace("-- format: avro\n", ""))
    return folder


def test_a_batch_that_failed_after_its_table_was_written_is_finished_with_its_state(
    spark: SparkSession, lake: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rows come from the table, but windows and seen clicks have to be kept all the same."""
    folder = without_topic(tmp_path / "pipeline")
    tables.create_missing(lake, contracts.BRONZE_EVENTS)
    rows = clicks(30)
    put(lake, rows, 0)

    def fail(*_: object) -> None:
        raise UnreachableError("the document store", "an answer", "none", "wait")

    with monkeypatch.context() as patch, pytest.raises(StreamingQueryException):
        patch.setattr(Sinks, "_send", fail)
        run_to_end(spark, lake, folder)
    held = results(lake)
    assert not held.is_empty()
    ticks.send(lake, "events", rows[-1]["ts"] + timedelta(minutes=11))
    run_to_end(spark, lake, folder)
    whole = results(lake)
    assert whole.select(pl.sum_horizontal(contracts.VIEWS).sum()).item() == 5 * len(rows)
    assert whole.select(contracts.RESULTS.key).is_duplicated().sum() == 0
    assert whole.join(held, on=contracts.RESULTS.key).height == held.height


def test_over_a_lake_windows_close_by_a_tick_and_a_repeated_batch_changes_nothing(
    spark: SparkSession, lake: Settings, tmp_path: Path
) -> None:
    folder = without_topic(tmp_path / "pipeline")
    tables.create_missing(lake, contracts.BRONZE_EVENTS)
    rows = clicks(30)
    put(lake, rows, 0)
    assert not is_level(lake, folder)
    assert has_open(run_to_end(spark, lake, folder).lastProgress)
    assert is_level(lake, folder)
    views = list(contracts.VIEWS)
    assert results(lake).select(pl.sum_horizontal(views).sum()).item() < 5 * len(rows)
    ticks.send(lake, "events", rows[-1]["ts"] + timedelta(minutes=11))
    assert not has_open(run_to_end(spark, lake, folder).lastProgress)
    whole = results(lake)
    assert whole.select(pl.sum_horizontal(views).sum()).item() == 5 * len(rows)
    assert whole.select(contracts.RESULTS.key).is_duplicated().sum() == 0
    assert set(whole["error"]) == {"There is no model called 'Bot Detector' in the registry."}
    assert set(whole["is_known_user"]) == {False}
    # The last micro-batch again, as after a crash before its commit.
    pipeline = Pipeline(spark, lake, CLICKS, sql_file.read_folder(folder))
    found = next(one for one in pipeline.files if one.sinks)
    query, last = pipeline.identity(found).name, max(whole["batch_id"].to_list())
    stale = spark.read.format("delta").load(table_uri(lake.lake_uri, names.RESULTS))
    again = Sinks(found, query, lake, contracts.RESULTS)
    again.write_batch(stale.drop("batch_id"), last)
    assert results(lake).equals(whole)
