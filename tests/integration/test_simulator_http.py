"""The HTTP interface: what users of the first version know, and what they cursed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import hypothesis
import pytest
import schemathesis
from flask.testing import FlaskClient
from hypothesis.strategies import SearchStrategy
from pydantic import SecretStr
from werkzeug.test import TestResponse

from flaskapp import loader
from flaskapp.app import Parts, create_app
from flaskapp.relay import Relay
from flaskapp.runner import Runner
from lakehouse import mysql, names
from lakehouse.clock import SystemClock
from lakehouse.settings import Settings

pytestmark = pytest.mark.integration
QUICK = {"batch_size": 20, "num_batches": 3, "interval": 1}


@pytest.fixture
def loaded(fresh: Settings) -> Settings:
    """A database with twenty days of history and four days to replay."""
    world = fresh.world.model_copy(update={"subscribers": 50, "history_days": 20, "replay_days": 4})
    small = fresh.model_copy(update={"world": world})
    loader.load_history(small)
    return small


class Service:
    """The application without its HTTP server."""

    def __init__(self, settings: Settings) -> None:
        clock, self.stop = SystemClock(), threading.Event()
        self.settings = settings
        self.parts = Parts(
            settings, clock, Runner(settings, clock), Relay(settings, clock, self.stop)
        )
        self.app = create_app(self.parts)
        self.http: FlaskClient = self.app.test_client()

    def start(self, **body: Any) -> TestResponse:
        return self.http.post("/start_stream", json=body)

    def stream(self, stream_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get(f"/streams/{stream_id}").get_json()
        return found

    def finished(self, **body: Any) -> dict[str, Any]:
        """The stream for `body`, when it has come to its end."""
        answer = self.start(**body).get_json()
        while (found := self.stream(answer["stream_id"]))["state"] == "running":
            self.stop.wait(0.05)
        return found


@pytest.fixture
def service(loaded: Settings) -> Iterator[Service]:
    made = Service(loaded)
    yield made
    made.parts.runner.close()


def query(settings: Settings, statement: str) -> list[tuple[Any, ...]]:
    with mysql.connect(settings.mysql) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


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
        assert abs(moment - now) < timedelta(minutes=6)
        assert row["PSEUDO_CHURNED"] is None
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
        assert "needed" in answer.get_json()["error"]


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


def test_a_connection_lost_within_a_request_is_503(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: Any) -> None:
        raise mysql.OperationalError("Lost connection to MySQL server during query")

    monkeypatch.setattr("flaskapp.streams.latest", lost)
    answer = service.http.get("/streams")
    assert answer.status_code == 503
    assert "Lost connection" in answer.get_json()["error"]


def test_days_are_closed_by_live_streams_once_the_source_has_ended(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = f"SELECT COUNT(*) FROM {names.MYSQL_STATE} WHERE name = 'source_ended'"
    service.finished(num_batches=1)
    assert query(service.settings, ended) == [(0,)]
    service.finished(mode="replay", num_batches=1, days_per_batch=4)
    service.finished(num_batches=1)
    assert query(service.settings, ended) == [(1,)]
    monkeypatch.setattr("flaskapp.sending.open_source", lambda *_: 1 / 0)
    assert service.finished(num_batches=1)["state"] == "finished"


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
    monkeypatch.setattr("flaskapp.live.batch", lambda *_: 1 / 0)
    stream = service.finished(**QUICK)
    assert (stream["state"], stream["error"]) == ("failed", "division by zero")


@pytest.mark.parametrize("body", [b"batch_size=1", b'{"batch_size": 0}', b"[]"])
def test_a_bad_request_is_400_with_a_sentence(service: Service, body: bytes) -> None:
    answer = service.http.post("/start_stream", data=body)
    assert answer.status_code == 400
    assert " must be " in answer.get_json()["error"]


def test_a_body_over_the_limit_is_413(service: Service) -> None:
    body = b'{"batch_size": 1' + b" " * 65_536 + b"}"
    assert service.http.post("/start_stream", data=body).status_code == 413


def test_requests_of_other_sites_are_refused(service: Service) -> None:
    answer = service.http.post("/stop_stream", headers={"Origin": "http://elsewhere.test"})
    assert answer.status_code == 403
    same = service.http.post("/stop_stream", headers={"Origin": "http://localhost"})
    assert same.status_code == 409


def test_mutating_calls_need_the_token_where_one_is_set(loaded: Settings) -> None:
    api = loaded.api.model_copy(update={"token": SecretStr("a-token")})
    http = Service(loaded.model_copy(update={"api": api})).http
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic a-token"}):
        assert http.post("/stop_stream", headers=headers).status_code == 401
    right = http.post("/stop_stream", headers={"Authorization": "Bearer a-token"})
    assert right.status_code == 409
    assert http.get("/streams").status_code == 200
    assert http.get("/health").get_json()["token_required"] is True


def test_the_summary_is_the_procedure_s_result(service: Service) -> None:
    (first,) = query(service.settings, f"SELECT MIN(Date) FROM {names.MYSQL_RAW}")[0]
    rows = service.http.get(f"/summary?start_date={first}").get_json()
    assert len(rows) == 20
    assert list(rows[0]) == [
        "Date",
        "Total_Outgoing_Calls",
        "Total_Outgoing_Call_Time",
        "Total_Data_Purchases",
        "Total_Data_Volume",
    ]
    assert service.http.get("/summary?start_date=2026-02-30").status_code == 400


def test_health_tells_backlog_and_trouble(service: Service) -> None:
    health = service.http.get("/health").get_json()
    assert (health["status"], health["database"], health["streaming"]) == ("ok", "ok", False)
    assert health["backlog"]["rows"] > 0
    away = service.settings.mysql.model_copy(update={"port": 1})
    answer = Service(service.settings.model_copy(update={"mysql": away})).http.get("/health")
    assert (answer.status_code, answer.get_json()["status"]) == (503, "degraded")


def test_metrics_count_what_was_sent(service: Service) -> None:
    service.finished(**QUICK)
    lines = service.http.get("/metrics").get_data(as_text=True).splitlines()
    assert 'cdrlake_sent_total{kind="event",mode="live"} 60.0' in lines
    assert "cdrlake_database_up 1.0" in lines


def test_no_request_that_the_description_allows_or_forbids_breaks_the_service(
    service: Service,
) -> None:
    described = schemathesis.openapi.from_wsgi("/openapi.json", service.app)
    operations = [found.ok() for found in described.get_all_operations()]
    assert len(operations) >= 10
    for operation in operations:
        exercise(operation.as_strategy(generation_mode=schemathesis.GenerationMode.POSITIVE))
        if operation.body or operation.query:
            exercise(operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE))


def exercise(cases: SearchStrategy[schemathesis.Case]) -> None:
    """Send cases of one operation and hold each answer against the description."""

    def send(case: schemathesis.Case) -> None:
        assert case.call_and_validate().status_code < 500

    quietly = hypothesis.settings(
        max_examples=15,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    quietly(hypothesis.given(cases)(send))()
