"""The HTTP interface: what users of the first version know, and what they cursed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis.strategies import SearchStrategy
from pydantic import SecretStr

from lakehouse import mysql
from lakehouse.domains.cdr import names
from lakehouse.domains.settings import Settings
from lakehouse.settings import ROOT
from tests.integration.simulator import QUICK, Service, query

pytestmark = pytest.mark.integration


def test_a_connection_lost_within_a_request_is_503(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: Any) -> None:
        raise mysql.OperationalError("Lost connection to MySQL server during query")

    monkeypatch.setattr("flaskapp.streams.latest", lost)
    answer = service.http.get("/streams")
    assert answer.status_code == 503
    assert "Lost connection" in answer.get_json()["error"]


@pytest.mark.parametrize("body", [b"batch_size=1", b'{"batch_size": 0}', b'{"domain": "x"}'])
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


def test_data_and_calls_with_an_effect_need_the_token_where_one_is_set(
    with_history: Settings,
) -> None:
    api = with_history.api.model_copy(update={"token": SecretStr("a-token")})
    http = Service(with_history.model_copy(update={"api": api})).http
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic a-token"}):
        assert http.post("/stop_stream", headers=headers).status_code == 401
    right = http.post("/stop_stream", headers={"Authorization": "Bearer a-token"})
    assert right.status_code == 409
    for path in ("/streams", "/data", "/summary", "/ledger", "/replay"):
        assert http.get(path).status_code == 401
        assert http.get(path, headers={"Authorization": "Bearer a-token"}).status_code == 200
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
    assert health["problem"] is None
    assert health["backlog"]["rows"] > 0
    away = service.settings.mysql.model_copy(update={"port": 1})
    answer = Service(service.settings.model_copy(update={"mysql": away})).http.get("/health")
    assert (answer.status_code, answer.get_json()["status"]) == (503, "degraded")
    assert "database at" in answer.get_json()["problem"]


def test_the_summary_begins_with_the_last_week_that_there_is(service: Service) -> None:
    """History ends days ago, and has more to show than nothing."""
    (last,) = query(service.settings, f"SELECT MAX(Date) FROM {names.MYSQL_RAW}")[0]
    rows = service.http.get("/summary").get_json()
    days = [str(last - timedelta(days=6 - n)) for n in range(7)]
    assert [row["Date"] for row in rows] == days
    documented = "CALL GetDailyCDRDataBatch((SELECT MAX(Date) FROM DailyBlocks) - INTERVAL 6 DAY)"
    assert documented in (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    with mysql.connect(service.settings.mysql) as connection, connection.cursor() as cursor:
        cursor.execute(documented)
        assert [str(day) for day, *_ in cursor.fetchall()] == days
        while cursor.nextset():
            pass


def test_what_is_left_to_replay_is_told(service: Service) -> None:
    found = service.http.get("/replay").get_json()
    (last,) = query(service.settings, f"SELECT MAX(Date) FROM {names.MYSQL_RAW}")[0]
    assert (found["days_left"], found["next_date"]) == (4, str(last + timedelta(days=1)))
    service.finished(mode="replay", num_batches=4, interval=1)
    assert service.http.get("/replay").get_json()["days_left"] == 0


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
        if operation.body or operation.query:  # that a key too many is refused, too
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
