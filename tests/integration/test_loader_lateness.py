"""Rows that the lake would refuse are not stored, and rows that are sent again count once."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flaskapp import streams
from flaskapp.bulk import open_uploader
from flaskapp.cdr import event_store, feed, loader
from flaskapp.cdr.lateness import TooLateError
from flaskapp.cdr.worlds import open_world
from lakehouse import mysql
from lakehouse.clock import FixedClock
from lakehouse.domains.cdr import names
from lakehouse.domains.cdr.contracts import MEASURE_NAMES
from lakehouse.domains.settings import Settings
from lakehouse.names import MYSQL_OUTBOX, MYSQL_STREAMS
from tests.integration.conftest import wait_for
from tests.integration.simulator import QUICK, Service

pytestmark = pytest.mark.integration
CLOCK = FixedClock(datetime(2026, 11, 20, 12, 0, tzinfo=UTC))
HEADER = "DP_DATE,DP_MSISDN," + ",".join(MEASURE_NAMES)


def line(day: int, number: int, volume: float = 6.5) -> str:
    return f"2026-02-{day:02} 10:00:00,{99945000000 + number},1,60,0,0,0,0,2,{volume}"


def written(folder: Path, name: str, *lines: str) -> Path:
    path = folder / f"{name}.csv"
    path.write_text("\n".join([HEADER, *lines]), encoding="utf-8")
    return path


def load(settings: Settings, path: Path, **more: Any) -> loader.Loaded:
    return loader.load_file(settings, (path,), "rawdata", clock=CLOCK, **more)


def count(settings: Settings, table: str) -> int:
    with mysql.connect(settings.mysql) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT COUNT(*) FROM {table}")
        return int(cursor.fetchone()[0])


@pytest.fixture
def day(fresh: Settings, tmp_path: Path) -> list[str]:
    """Five rows of five days, which are loaded."""
    lines = [line(n + 1, n) for n in range(1, 6)]
    assert load(fresh, written(tmp_path, "day", *lines)).rows == 5
    return lines


def test_a_day_sent_again_counts_once(fresh: Settings, tmp_path: Path, day: list[str]) -> None:
    again = load(fresh, written(tmp_path, "day_sent_again", *day, line(7, 6)))
    assert (again.rows, again.repeats) == (1, 5)
    assert "5 of its 6 rows are there already" in again.message
    assert count(fresh, names.MYSQL_RAW) == 6


def test_a_day_sent_again_counts_twice_when_asked_for(
    fresh: Settings, tmp_path: Path, day: list[str]
) -> None:
    again = load(fresh, written(tmp_path, "again", *day[3:], line(7, 6)), allow_repeats=True)
    assert (again.rows, again.repeats) == (3, 0)


def test_the_same_row_twice_is_twice_and_a_changed_one_is_new(
    fresh: Settings, tmp_path: Path, day: list[str]
) -> None:
    again = load(fresh, written(tmp_path, "again", day[4], day[4], line(6, 5, volume=6.501)))
    assert (again.rows, again.repeats) == (2, 1)


def test_a_file_of_days_that_are_too_late_is_refused_and_leaves_nothing(
    fresh: Settings, tmp_path: Path, day: list[str]
) -> None:
    before = [count(fresh, t) for t in (MYSQL_STREAMS, MYSQL_OUTBOX, names.MYSQL_OUTCOMES)]
    late = written(tmp_path, "late", line(2, 77), line(7, 77))
    with pytest.raises(TooLateError) as caught:
        load(fresh, late)
    problem = str(caught.value)
    assert "begins with 2026-02-02" in problem
    assert "the newest row that is stored is of 2026-02-06" in problem
    assert "up to 3 before" in problem
    assert "cdrlake reset" in problem
    assert count(fresh, names.MYSQL_RAW) == 5
    assert before == [
        count(fresh, table) for table in (MYSQL_STREAMS, MYSQL_OUTBOX, names.MYSQL_OUTCOMES)
    ]
    assert load(fresh, written(tmp_path, "in_time", line(3, 77))).rows == 1


def test_the_simulated_world_is_left_out_where_newer_files_are_loaded(
    fresh: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "new.csv"
    path.write_text(f"{HEADER}\n{line(2, 1).replace('02-02', '11-19')}", encoding="utf-8")
    load(fresh, path)
    found = loader.load_history(fresh, clock=CLOCK)
    assert found.rows == 0
    assert "simulated world is left out" in found.message
    assert count(fresh, MYSQL_STREAMS) == 1


def test_a_load_that_newer_days_overtake_ends_without_a_late_row(
    fresh: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, day: list[str]
) -> None:
    monkeypatch.setattr(loader, "BLOCK_ROWS", 1)
    looks = iter(range(100))

    def overtake(_done: float, _total: float) -> None:
        if next(looks) == 0:
            with open_uploader(fresh) as uploader, uploader.connection.cursor() as cursor:
                streams.begin(cursor, "other", "cdr", "live", {}, CLOCK.now())
                rows = pl.DataFrame(
                    {
                        "DP_DATE": [datetime(2026, 2, 20, tzinfo=UTC)],
                        "DP_MSISDN": ["99945000001"],
                        **{name: [1] for name in MEASURE_NAMES},
                    }
                )
                event_store.append(uploader, "other", rows, CLOCK.now(), "UTC")
                uploader.connection.commit()

    with pytest.raises(TooLateError, match="What is left of rawdata"):
        loader.load_file(
            fresh,
            (written(tmp_path, "long", *[line(n, 9) for n in range(7, 19)]),),
            "rawdata",
            overtake,
            CLOCK,
        )
    with mysql.connect(fresh.mysql) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT MAX(Date) FROM {names.MYSQL_RAW} WHERE stream_id <> 'other'")
        assert cursor.fetchone()[0] < date(2026, 2, 17)


def test_a_replay_that_newer_days_overtake_fails_with_the_reason(with_history: Settings) -> None:
    own = with_history
    with open_uploader(own) as uploader, uploader.connection.cursor() as cursor:
        source = open_world(cursor, own, CLOCK)
        streams.begin(cursor, "replay", "cdr", "replay", {}, CLOCK.now())
        uploader.connection.commit()
        walk = feed.Feed(uploader, source, "replay", 500, own, CLOCK).walk(source.last)
        next(walk)
        cursor.execute(
            f"UPDATE {names.MYSQL_RAW} SET Date = %s LIMIT 1", (source.last + timedelta(9),)
        )
        uploader.connection.commit()
        with pytest.raises(TooLateError, match="What is left of the replay"):
            list(walk)


def test_a_replay_after_live_rows_is_refused_before_it_begins(service: Service) -> None:
    live = service.http.post("/start_stream", json=QUICK).get_json()
    wait_for(lambda: not service.parts.runner.is_running, "the live stream to end")
    assert service.http.get(f"/streams/{live['stream_id']}").get_json()["state"] == "finished"
    settings = service.settings
    with mysql.connect(settings.mysql) as connection, connection.cursor() as cursor:
        # As if the replayed days were longer ago.
        cursor.execute(
            f"UPDATE {names.MYSQL_RAW} SET Date = DATE_ADD(Date, INTERVAL 9 DAY) "
            "WHERE stream_id LIKE 'live%'"
        )
        connection.commit()
    before = count(settings, names.MYSQL_RAW)
    answer = service.http.post("/start_stream", json={"mode": "replay", "days_per_batch": 20})
    assert answer.status_code == 409
    assert "would put older ones into quarantine" in str(answer.get_json())
    assert count(settings, names.MYSQL_RAW) == before
    # Live rows of today are as much too late where rows of the future are stored.
    live_again = service.http.post("/start_stream", json=QUICK)
    assert live_again.status_code == 409
    assert "A live stream begins with" in str(live_again.get_json())


def test_no_stream_begins_while_history_is_loaded(service: Service) -> None:
    name = f"{service.settings.mysql.database}.load"
    with mysql.connect(service.settings.mysql) as connection, mysql.lock(connection, name):
        answer = service.http.post("/start_stream", json=QUICK)
    assert answer.status_code == 409
    assert "History is being loaded" in str(answer.get_json())
    assert count(service.settings, MYSQL_STREAMS) == 1
