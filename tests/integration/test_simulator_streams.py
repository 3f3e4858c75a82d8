"""Streams over HTTP: started, stopped, taken up again, and what they send."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flaskapp.cdr import loader
from flaskapp.cdr.live import SPREAD_S
from lakehouse.domains.cdr import names
from lakehouse.domains.cdr.contracts import LABEL, MEASURE_NAMES
from lakehouse.domains.settings import Settings
from lakehouse.names import MYSQL_STATE
from tests.integration.simulator import QUICK, Service, query

pytestmark = pytest.mark.integration


def test_a_stream_starts_and_a_second_one_is_refused(service: Service) -> None:
    first = service.start(**QUICK)
    assert (first.status_code, first.get_json()["message"]) == (200, "Streaming started")
    second = service.start(**QUICK)
    assert second.status_code == 409
    assert second.get_json() == {"message": "A streaming process is already running"}


def test_a_live_stream_sends_its_batches_dated_now(service: Service) -> None:
    stream = service.finished(**QUICK | {"seed": 5})
    assert (stream["state"], stream["sent_batches"], stream["sent_rows"]) == ("finished", 3, 60)
    rows = service.http.get("/data?limit=60").get_json()
    now = datetime.now(UTC)  # noqa: TID251
    for row in rows:
        moment = datetime.fromisoformat(row["DP_DATE"])
        assert timedelta(0) <= now - moment < timedelta(minutes=6)
        assert row["PSEUDO_CHURNED"] is None
    assert [row["DP_DATE"] for row in rows[:20]] == sorted(
        (row["DP_DATE"] for row in rows[:20]), reverse=True
    )
    ids = query(service.settings, f"SELECT id FROM {names.MYSQL_RAW} ORDER BY id DESC LIMIT 60")
    assert [row["id"] for row in rows] == [row[0] for row in ids]


def test_an_empty_body_starts_the_known_defaults(service: Service) -> None:
    answer = service.http.post("/start_stream")
    assert answer.status_code == 200
    request = service.stream(answer.get_json()["stream_id"])["request"]
    assert (request["batch_size"], request["num_batches"], request["interval"]) == (1000, 10, 60)


def test_a_batch_larger_than_the_table_is_served_whole(service: Service) -> None:
    (available,) = query(service.settings, f"SELECT COUNT(*) FROM {names.MYSQL_RAW}")[0]
    size = int(available) * 3
    stream = service.finished(batch_size=size, num_batches=1)
    assert (stream["state"], stream["sent_rows"]) == ("finished", size)


def test_a_replay_sends_the_next_days_once_and_closes_them(service: Service) -> None:
    (before,) = query(service.settings, f"SELECT MAX(Date) FROM {names.MYSQL_RAW}")[0]
    first = service.finished(mode="replay", num_batches=1, interval=1, days_per_batch=3)
    second = service.finished(mode="replay", num_batches=5, interval=1)
    assert (first["sent_batches"], second["sent_batches"]) == (1, 1)
    dates = query(
        service.settings,
        f"SELECT Date, stream_id, COUNT(*), COUNT(DISTINCT DP_MSISDN) FROM {names.MYSQL_RAW} "
        f"WHERE Date > '{before}' GROUP BY Date, stream_id ORDER BY Date",
    )
    replayed = [first["stream_id"]] * 3 + [second["stream_id"]]
    assert [(day, stream) for day, stream, *_ in dates] == [
        (before + timedelta(days=n + 1), stream) for n, stream in enumerate(replayed)
    ]
    assert all(rows == people for *_, rows, people in dates)
    over = service.start(mode="replay")
    assert over.status_code == 409
    assert "a day to replay" in over.get_json()["error"]


def test_a_drift_of_a_replay_holds_from_its_first_day_on(service: Service) -> None:
    service.finished(mode="replay", num_batches=2, interval=1, drift="unit_change")
    days = query(
        service.settings,
        f"SELECT Date, AVG(DP_DATA_VOLUME) FROM {names.MYSQL_RAW} GROUP BY Date ORDER BY Date",
    )
    usual = float(max(mean for _, mean in days[:20]))
    assert all(float(mean) > 20 * usual for _, mean in days[20:])
    assert len(days) == 22


def test_replay_before_history_is_loaded_is_refused(fresh: Settings) -> None:
    service = Service(fresh)
    for mode in ("replay", "live"):
        answer = service.start(mode=mode)
        assert answer.status_code == 409, mode
        assert "history" in answer.get_json()["error"]


def test_stop_ends_a_stream_between_two_batches(service: Service) -> None:
    stream_id = service.start(batch_size=5, num_batches=9, interval=600).get_json()["stream_id"]
    while service.stream(stream_id)["sent_batches"] == 0:
        service.stop.wait(0.05)
    assert service.http.post("/stop_stream").status_code == 200
    stream = service.stream(stream_id)
    assert (stream["state"], stream["sent_rows"]) == ("stopped", 5)
    assert service.http.post("/stop_stream").status_code == 409


def test_two_processes_cannot_both_stream(service: Service) -> None:
    other = Service(service.settings)
    service.start(batch_size=5, num_batches=9, interval=600)
    refused = other.start(**QUICK)
    assert refused.get_json() == {"message": "A streaming process is already running"}
    service.http.post("/stop_stream")
    assert other.start(**QUICK).status_code == 200
    other.parts.runner.close()


def test_a_stream_is_stopped_from_another_process_too(service: Service) -> None:
    other = Service(service.settings)
    stream_id = service.start(batch_size=5, num_batches=9, interval=600).get_json()["stream_id"]
    assert other.http.post("/stop_stream").get_json()["stream_id"] == stream_id
    while service.parts.runner.is_running:
        service.stop.wait(0.05)
    assert service.stream(stream_id)["state"] == "stopped"
    assert other.start(**QUICK).status_code == 200
    other.parts.runner.close()


def test_days_are_closed_by_live_streams_once_the_source_has_ended(
    with_history: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lake takes days so late that they may be replayed after live rows."""
    cdr = with_history.cdr.model_copy(update={"allowed_lateness_days": 10})
    service = Service(with_history.model_copy(update={"cdr": cdr}))
    ended = f"SELECT COUNT(*) FROM {MYSQL_STATE} WHERE name = 'source_ended'"
    service.finished(num_batches=1)
    assert query(service.settings, ended) == [(0,)]
    service.finished(mode="replay", num_batches=1, days_per_batch=4)
    service.finished(num_batches=1)
    assert query(service.settings, ended) == [(1,)]
    monkeypatch.setattr("flaskapp.cdr.sending.open_source", lambda *_: 1 / 0)
    assert service.finished(num_batches=1)["state"] == "finished"


def test_days_are_closed_by_live_streams_after_a_file_alone(
    fresh: Settings, tmp_path: Path
) -> None:
    """The configured source is another one, of which nothing was ever loaded."""
    now = datetime.now(UTC)  # noqa: TID251
    columns = ["DP_DATE", "DP_MSISDN", *MEASURE_NAMES, LABEL]
    lines = [
        f"{now - timedelta(days=days):%Y-%m-%d 10:00:00},49171000001,1,60,0,0,0,0,0,0,"
        for days in (4, 3)
    ]
    path = tmp_path / "RawData.csv"
    path.write_text("\n".join([",".join(columns), *lines]), encoding="utf-8")
    loader.load_file(fresh, (path,), "rawdata")
    closed = f"SELECT value FROM {MYSQL_STATE} WHERE name = 'closed_through'"
    assert query(fresh, closed) == [(f'"{now - timedelta(days=3):%Y-%m-%d}"',)]
    stream = Service(fresh).finished(batch_size=5, num_batches=1)
    assert (stream["state"], stream["sent_rows"]) == ("finished", 5)
    last = now - timedelta(days=1, seconds=SPREAD_S)
    assert query(fresh, closed) == [(f'"{last:%Y-%m-%d}"',)]


def test_a_closed_service_leaves_its_stream_to_the_next_one(service: Service) -> None:
    stream_id = service.start(batch_size=5, num_batches=3, interval=1).get_json()["stream_id"]
    service.parts.runner.close()
    assert service.stream(stream_id)["state"] == "running"
    next_one = Service(service.settings)
    assert next_one.parts.runner.resume() == stream_id
    while next_one.stream(stream_id)["state"] == "running":
        next_one.stop.wait(0.05)
    stream = next_one.stream(stream_id)
    assert (stream["state"], stream["sent_batches"], stream["sent_rows"]) == ("finished", 3, 15)


def test_a_stream_that_cannot_go_on_says_why(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flaskapp.cdr.live.batch", lambda *_: 1 / 0)
    stream = service.finished(**QUICK)
    assert (stream["state"], stream["error"]) == ("failed", "division by zero")
