"""SQL files as text: settings, places, and the ticks that are put in behind the analyst's back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lakehouse import store
from lakehouse.domains.settings import Settings
from lakehouse.names import STREAM_TICKS, table_uri
from lakehouse.settings.model import LakeSettings
from lakehouse.ticks import TICKS
from pyspark_jobs.delta import tables
from pyspark_jobs.sql import replay, sql_file, ticks
from pyspark_jobs.sql.sql_file import SqlError, with_ticks
from tests.unit.test_predict import Clock

STREAMS = frozenset({"events"})
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def written(folder: Path, text: str, name: str = "a") -> sql_file.SqlFile:
    path = folder / f"{name}.sql"
    path.write_text(text, encoding="utf-8")
    return sql_file.read(path)


def test_settings_stand_before_the_query_and_prose_is_none(tmp_path: Path) -> None:
    file = written(
        tmp_path, "-- Rows for everybody.\n-- topic: t\n-- key: a, b\n\nSELECT 1 -- mode: x\n"
    )
    assert (file.sinks, file.key, file.version) == ({"topic": "t"}, ("a", "b"), 1)
    assert file.lines == {"topic": 2, "key": 3}


def test_a_semicolon_at_the_end_is_taken_off_and_places_stay(tmp_path: Path) -> None:
    file = written(tmp_path, "SELECT ';' -- ;\n ; -- the end;\n")
    assert file.query == "SELECT ';' -- ;\n "
    assert file.place(file.text.index("the end")) == sql_file.Place(2, 7)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("-- formt: avro\nSELECT 1", "there is no setting 'formt'; did you mean 'format'?"),
        ("-- format: xml\nSELECT 1", "format cannot be 'xml'; known are: avro, json"),
        ("-- version: two\nSELECT 1", "the version has to be a whole number."),
        ("-- version: \u00b2\nSELECT 1", "the version has to be a whole number."),
        (f"-- version: {'9' * 5_000}\nSELECT 1", "the version has to be a whole number."),
        ("-- topic:\n-- key: a\nSELECT 1", "topic has no value; write one, or remove the line."),
        ("-- key:  \nSELECT 1", "key has no value; write one, or remove the line."),
    ],
)
def test_a_setting_that_cannot_be_is_refused(tmp_path: Path, text: str, error: str) -> None:
    with pytest.raises(SqlError, match=r"a.sql, line 1, column 1: ") as refused:
        written(tmp_path, text)
    assert str(refused.value).endswith(error)


def test_a_mark_before_the_text_hides_no_setting(tmp_path: Path) -> None:
    file = written(tmp_path, "\ufeff-- topic: t\n-- key: a\nSELECT 1 AS a")
    assert file.sinks == {"topic": "t"}
    assert file.query.startswith("--")


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_file_that_is_no_text_says_where(tmp_path: Path, mark: bytes) -> None:
    path = tmp_path / "a.sql"
    path.write_bytes(mark + "SELECT 'é' AS e,\n  'ü\n".encode() + b" \xff'")
    with pytest.raises(SqlError, match=r"a.sql, line 3, column 2: this is no text in UTF-8"):
        sql_file.read(path)


def test_a_replay_needs_a_time_in_the_key(tmp_path: Path) -> None:
    file = written(tmp_path, "-- table: t\n-- key: id, start\nSELECT 1")
    assert replay.time_column(file, {"id": "int", "start": "timestamp"}) == "start"
    with pytest.raises(SqlError, match=r"a.sql, line 2, column 1: a replay compares a span"):
        replay.time_column(file, {"id": "int", "other": "timestamp"})


def test_a_name_that_is_no_view_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SqlError, match="no name for a view"):
        written(tmp_path, "SELECT 1", "A-b")


def test_ticks_pass_the_watermark_and_go_no_further() -> None:
    query = "SELECT * FROM events WATERMARK ts DELAY OF INTERVAL 30 SECONDS AS e -- a WATERMARK"
    assert with_ticks(query, STREAMS) == (
        "SELECT * FROM (SELECT * EXCEPT (_tick) FROM events_ticking WATERMARK ts DELAY OF INTERVAL "
        "30 SECONDS WHERE NOT (_tick AND ts > TIMESTAMP '1000-01-01 00:00:00')) AS e -- a WATERMARK"
    )


def test_other_streams_and_streams_without_a_watermark_have_no_ticks() -> None:
    for query in (
        "SELECT * FROM events",
        "SELECT * FROM views WATERMARK ts DELAY OF INTERVAL 1 MINUTE",
        "SELECT 'events WATERMARK ts DELAY OF INTERVAL 1 MINUTE'",
    ):
        assert with_ticks(query, STREAMS) == query


def test_the_time_of_an_idle_stream_goes_on_at_the_pace_of_the_clock(tmp_path: Path) -> None:
    lake = Settings(lake=LakeSettings(uri=str(tmp_path)))
    tables.create_missing(lake, TICKS)
    clock, latest, level = Clock(), [MOMENT], [True]
    ticker = ticks.IdleTicker(lake, ("events",), clock, lambda _: latest[0], lambda _: level[0])

    def after(seconds: float) -> list[datetime]:
        clock.now_s += seconds
        ticker.look()
        found = store.scan(table_uri(lake.lake_uri, STREAM_TICKS), {}).collect()
        return sorted(found["ts"].to_list())

    assert after(0) == after(9) == []
    assert after(1) == [MOMENT + timedelta(seconds=10)]
    assert after(5) == [MOMENT + timedelta(seconds=10)]
    assert after(5) == [MOMENT + timedelta(seconds=seconds) for seconds in (10, 20)]
    latest[0] = MOMENT + timedelta(minutes=1)
    assert len(after(1)) == len(after(9)) == 2
    assert after(1)[-1] == latest[0] + timedelta(seconds=10)
    level[0] = False  # there are events that nobody has read
    assert len(after(60)) == len(after(60)) == 3
    level[0] = True
    assert len(after(1)) == 4


def test_a_stream_without_an_open_window_gets_no_ticks(tmp_path: Path) -> None:
    lake = Settings(lake=LakeSettings(uri=str(tmp_path)))
    tables.create_missing(lake, TICKS)
    clock, is_open = Clock(), [True]
    ticker = ticks.IdleTicker(
        lake, ("events",), clock, lambda _: MOMENT, is_open=lambda _: is_open[0]
    )

    def after(seconds: float) -> int:
        clock.now_s += seconds
        ticker.look()
        return store.count(table_uri(lake.lake_uri, STREAM_TICKS))

    assert [after(0), after(10), after(10)] == [0, 1, 2]
    is_open[0] = False
    assert [after(10), after(600)] == [2, 2]
    is_open[0] = True
    assert after(1) == 3


def test_windows_are_open_while_a_query_keeps_rows_of_them() -> None:
    def kept(*counts: int) -> dict[str, Any]:
        return {"stateOperators": [{"numRowsTotal": count} for count in counts]}

    assert ticks.has_open(kept(0, 2))
    assert not ticks.has_open(kept(0, 0))
    assert not ticks.has_open(kept())
    assert not ticks.has_open(None)
