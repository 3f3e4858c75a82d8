"""Loading history: resumable at any block, once and only once, from the world or from files."""

from __future__ import annotations

import itertools
import threading
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flaskapp import state, streams
from flaskapp.bulk import open_uploader
from flaskapp.cdr import feed, loader
from flaskapp.cdr.history import History
from flaskapp.cdr.worlds import open_world
from lakehouse import mysql
from lakehouse.clock import FixedClock
from lakehouse.domains.cdr import names
from lakehouse.domains.settings import Settings
from lakehouse.errors import DatabaseError
from lakehouse.names import MYSQL_OUTBOX, MYSQL_STREAMS

pytestmark = pytest.mark.integration
CLOCK = FixedClock(datetime(2026, 11, 20, 12, 0, tzinfo=UTC))


class InterruptedLoadError(Exception):
    """Stands for whatever ends a load."""


@pytest.fixture
def small(fresh: Settings) -> Settings:
    world = fresh.world.model_copy(
        update={"subscribers": 60, "history_days": 45, "replay_days": 5, "churn_rate": 0.2}
    )
    return fresh.model_copy(update={"world": world})


def query(settings: Settings, statement: str) -> list[tuple[Any, ...]]:
    with mysql.connect(settings.mysql) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def stored(settings: Settings) -> pl.DataFrame:
    columns = ["Date", "DP_MSISDN", "PSEUDO_CHURNED", "sequence"]
    rows = query(settings, f"SELECT {', '.join(columns)} FROM {names.MYSQL_RAW} ORDER BY sequence")
    return pl.DataFrame(rows, schema=columns, orient="row", infer_schema_length=None)


def known(settings: Settings) -> pl.DataFrame:
    columns = ["Date", "DP_MSISDN", "PSEUDO_CHURNED"]
    rows = query(settings, f"SELECT {', '.join(columns)} FROM {names.MYSQL_OUTCOMES} ORDER BY 1, 2")
    return pl.DataFrame(rows, schema=columns, orient="row")


def by_definition(
    rows: pl.DataFrame, last: date, horizon: int = 30, window: int = 7
) -> pl.DataFrame:
    """Every outcome that is known on the evening of `last`."""
    parts = []
    for day in rows["Date"].unique().sort():
        ahead = (pl.col("Date") - pl.lit(day)).dt.total_days()
        if (last - day).days >= horizon:
            people = rows.filter((ahead > -window) & (ahead <= 0)).select("DP_MSISDN").unique()
            stays = rows.filter((ahead > 0) & (ahead <= horizon))["DP_MSISDN"].unique()
            label = (~pl.col("DP_MSISDN").is_in(stays.to_list())).cast(pl.Int64)
            parts.append(
                people.select(pl.lit(day).alias("Date"), "DP_MSISDN", PSEUDO_CHURNED=label)
            )
    return pl.concat(parts).sort("Date", "DP_MSISDN")


def test_history_is_the_world_up_to_the_first_day_of_the_replay(small: Settings) -> None:
    loaded = loader.load_history(small, clock=CLOCK)
    rows = stored(small)
    assert loaded.rows == rows.height > 1_000
    assert rows["sequence"].to_list() == list(range(rows.height))
    assert (rows["Date"].min(), rows["Date"].max()) == (date(2026, 10, 1), date(2026, 11, 14))
    with mysql.connect(small.mysql) as connection, connection.cursor() as cursor:
        world = open_world(cursor, small, CLOCK).world
    assert rows.height == sum(frame.height for frame in world.days(0, 44))


def test_outcomes_and_labels_agree_with_the_definition(small: Settings) -> None:
    loader.load_history(small, clock=CLOCK)
    rows, found = stored(small), known(small)
    expected = by_definition(rows, date(2026, 11, 14))
    assert found.equals(expected)
    assert 0 < found["PSEUDO_CHURNED"].sum() < found.height
    labelled = rows.filter(pl.col("PSEUDO_CHURNED").is_not_null()).drop("sequence")
    both = labelled.join(expected, on=["Date", "DP_MSISDN"], how="left", suffix="_expected")
    assert both["PSEUDO_CHURNED"].equals(both["PSEUDO_CHURNED_expected"])
    assert labelled["Date"].max() == date(2026, 10, 15)


def test_every_row_and_every_outcome_waits_in_the_outbox(small: Settings) -> None:
    loader.load_history(small, clock=CLOCK)
    waiting = query(
        small,
        "SELECT kind, SUM(last_sequence - first_sequence + 1), MIN(first_sequence) "
        f"FROM {MYSQL_OUTBOX} GROUP BY kind ORDER BY kind",
    )
    assert [(kind, int(rows), first) for kind, rows, first in waiting] == [
        ("event", stored(small).height, 0),
        ("outcome", known(small).height, 0),
    ]


@pytest.mark.parametrize("block_rows", [80, 15])
def test_a_load_that_dies_anywhere_is_finished_and_not_repeated(
    small: Settings, monkeypatch: pytest.MonkeyPatch, block_rows: int
) -> None:
    """It dies between the rows and the place that it reached, and between two transactions."""
    monkeypatch.setattr(loader, "BLOCK_ROWS", block_rows)
    remember, commits, looks = state.remember, itertools.count(), itertools.count()

    def dying(*arguments: Any) -> None:
        if next(commits) in (3, 6, 10, 40):
            raise InterruptedLoadError
        remember(*arguments)

    def interrupt(_done: float, _total: float) -> None:
        if next(looks) in (10, 31):
            raise InterruptedLoadError

    monkeypatch.setattr(state, "remember", dying)
    interruptions = 0
    while True:
        try:
            loader.load_history(small, interrupt, CLOCK)
            break
        except InterruptedLoadError:
            interruptions += 1
    rows = stored(small)
    assert interruptions >= 4
    assert rows["sequence"].to_list() == list(range(rows.height))
    assert not rows.select("Date", "DP_MSISDN").is_duplicated().any()
    with mysql.connect(small.mysql) as connection, connection.cursor() as cursor:
        world = open_world(cursor, small, CLOCK).world
    assert rows.height == sum(frame.height for frame in world.days(0, 44))
    assert known(small).equals(by_definition(rows, date(2026, 11, 14)))


@pytest.mark.parametrize("dies", ["before the place", "after the place"])
def test_a_load_killed_at_its_end_loses_no_outcome(
    small: Settings, monkeypatch: pytest.MonkeyPatch, dies: str
) -> None:
    """Outcomes are slow, and the process ends right after the last block of usage."""
    write, write_outcomes, is_over = History._write, History._write_outcomes, threading.Event()

    def dying_write(self: History, block: Any) -> Any:
        is_last = block.reached.date > self.source.history_end
        if is_last and dies == "before the place":
            raise InterruptedLoadError
        reached = write(self, block)
        if is_last:
            is_over.set()
            raise InterruptedLoadError
        return reached

    def slow_outcomes(self: History, *arguments: Any) -> None:
        if is_over.wait(1):
            raise InterruptedLoadError
        write_outcomes(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(History, "_write", dying_write)
        patch.setattr(History, "_write_outcomes", slow_outcomes)
        with pytest.raises(InterruptedLoadError):
            loader.load_history(small, clock=CLOCK)
    loader.load_history(small, clock=CLOCK)
    rows = stored(small)
    assert rows["sequence"].to_list() == list(range(rows.height))
    assert known(small).equals(by_definition(rows, date(2026, 11, 14)))
    assert query(small, f"SELECT state FROM {MYSQL_STREAMS}") == [("finished",)]


def test_a_full_table_is_left_alone(small: Settings) -> None:
    loader.load_history(small, clock=CLOCK)
    before = stored(small)
    again = loader.load_history(small, clock=CLOCK)
    assert again.rows == 0
    assert again.message == "Table already populated. Skipping database initialization."
    assert stored(small).equals(before)


def test_the_world_begins_on_the_same_date_when_loaded_again_later(small: Settings) -> None:
    with mysql.connect(small.mysql) as connection, connection.cursor() as cursor:
        first = open_world(cursor, small, CLOCK).first
        later = FixedClock(datetime(2026, 12, 24, tzinfo=UTC))
        assert open_world(cursor, small, later).first == first == date(2026, 10, 1)


def test_two_loads_at_once_are_refused(small: Settings) -> None:
    name = f"{small.mysql.database}.load"
    with (
        mysql.connect(small.mysql) as connection,
        mysql.lock(connection, name),
        pytest.raises(DatabaseError, match="Another load is running"),
    ):
        loader.load_history(small, clock=CLOCK)


def test_subscribers_of_the_rows_are_listed(small: Settings) -> None:
    loader.load_history(small, clock=CLOCK)
    unknown = query(
        small,
        f"SELECT COUNT(*) FROM {names.MYSQL_RAW} raw LEFT JOIN {names.MYSQL_SUBSCRIBERS} listed "
        "ON listed.DP_MSISDN = raw.DP_MSISDN WHERE listed.DP_MSISDN IS NULL "
        "OR listed.activated_on > raw.Date OR listed.segment IS NULL",
    )
    assert unknown == [(0,)]


def test_a_file_is_loaded_by_its_mapping_once(fresh: Settings, tmp_path: Path) -> None:
    header = "DP_DATE,DP_MSISDN,DP_MOC_COUNT,DP_MOC_DURATION,DP_MTC_COUNT,DP_MTC_DURATION"
    header += ",DP_MOSMS_COUNT,DP_MTSMS_COUNT,DP_DATA_COUNT,DP_DATA_VOLUME,PSEUDO_CHURNED"
    lines = [
        header,
        "2026-05-02 10:00:00,49171000001,1,60,0,0,0,0,0,0,1",
        "2026-05-01 10:00:00,49171000001,1,60,0,0,0,0,0,0,",
        "2026-05-01 10:00:00,4917,1,60,0,0,0,0,0,0,0",
    ]
    path = tmp_path / "RawData.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    preview = loader.preview_file(fresh, (path,), "rawdata", CLOCK)
    assert (preview.rows, preview.rejects.first["line"].to_list()) == (2, [4])
    assert stored(fresh).is_empty()
    loaded = loader.load_file(fresh, (path,), "rawdata", clock=CLOCK)
    assert (loaded.rows, loaded.rejected) == (2, 1)
    assert stored(fresh).select("Date", "PSEUDO_CHURNED").rows() == [
        (date(2026, 5, 1), None),
        (date(2026, 5, 2), 1),
    ]
    copy = path.rename(tmp_path / "other.csv")
    assert loader.load_file(fresh, (copy,), "rawdata", clock=CLOCK).rows == 0
    assert stored(fresh).height == 2


def test_a_later_file_decides_the_outcomes_of_an_earlier_one(
    small: Settings, tmp_path: Path
) -> None:
    with mysql.connect(small.mysql) as connection, connection.cursor() as cursor:
        world = open_world(cursor, small, CLOCK).world
        connection.rollback()
    for number, (first, last) in enumerate([(0, 24), (25, 44)]):
        path = tmp_path / f"month-{number}.csv"
        moment = pl.col("DP_DATE").dt.strftime("%Y-%m-%d %H:%M:%S")
        pl.concat(world.days(first, last)).with_columns(moment).write_csv(path)
        loader.load_file(small, (path,), "rawdata", clock=CLOCK)
    rows = query(small, f"SELECT Date, DP_MSISDN, PSEUDO_CHURNED FROM {names.MYSQL_RAW}")
    schema = {"Date": pl.Date, "DP_MSISDN": pl.String, "PSEUDO_CHURNED": pl.Int64}
    found = pl.DataFrame(rows, schema=schema, orient="row")
    expected = by_definition(found, date(2026, 11, 14))
    assert known(small).equals(expected)
    labelled = found.filter(pl.col("PSEUDO_CHURNED").is_not_null())
    assert labelled["Date"].max() == date(2026, 10, 15)
    both = labelled.join(expected, on=["Date", "DP_MSISDN"], suffix="_expected")
    assert both.height == labelled.height
    assert both["PSEUDO_CHURNED"].equals(both["PSEUDO_CHURNED_expected"])


def test_a_replay_tells_the_same_outcomes_by_queries(small: Settings) -> None:
    world = small.world.model_copy(update={"history_days": 20, "replay_days": 30})
    own = small.model_copy(update={"world": world})
    loader.load_history(own, clock=CLOCK)
    with open_uploader(own) as uploader, uploader.connection.cursor() as cursor:
        source = open_world(cursor, own, CLOCK)
        streams.begin(cursor, "replay", "cdr", "replay", {}, CLOCK.now())
        uploader.connection.commit()
        for _ in feed.Feed(uploader, source, "replay", 500, own, CLOCK).walk(source.last):
            pass
    rows = stored(own).sort("Date", "DP_MSISDN")
    expected = by_definition(rows, source.last)
    assert known(own).equals(expected)
    assert 0 < expected["PSEUDO_CHURNED"].sum() < expected.height
    labelled = rows.filter(pl.col("PSEUDO_CHURNED").is_not_null())
    both = labelled.join(expected, on=["Date", "DP_MSISDN"], suffix="_expected")
    assert both.height == labelled.height
    assert both["PSEUDO_CHURNED"].equals(both["PSEUDO_CHURNED_expected"])
