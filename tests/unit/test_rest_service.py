"""Who gets in, what is logged, who scores beside, and what Prometheus reads."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.rest.samples import FEATURES, records
from tests.rest.service import NAME, Running, running

RECORD = records(1)[0]


def until(ready: Any) -> None:
    never = threading.Event()
    for _ in range(2_000):
        if ready():
            return
        never.wait(0.01)
    pytest.fail("it did not happen")


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_with_keys_only_their_clients_get_in(tmp_path: Path) -> None:
    keys = {"api_keys": {"shop": "shop-key", "bank": "bank-key"}}
    with running(tmp_path, serving=keys, others={"api": {"token": "owner"}}) as service:
        for headers in ({}, bearer("shop-kez"), {"Authorization": "Basic shop-key"}):
            refused = service.predict(RECORD, headers=headers)
            assert refused.status_code == 401
            assert refused.headers["www-authenticate"] == "bearer"
        for headers in (bearer("shop-key"), {"X-API-Key": "bank-key"}, bearer("owner")):
            assert service.predict(RECORD, headers=headers).status_code == 200
        assert service.client.get("/openapi.json").status_code == 401
        document = service.client.get("/openapi.json", headers=bearer("shop-key")).json()
        assert document["paths"]["/invocations"]["post"]["security"] == [{"key": []}]
        assert "security" not in document["paths"]["/health"]["get"]
        for path in ("/", "/health", "/v2/health/live", "/metrics"):
            assert service.client.get(path).status_code == 200


def test_other_hosts_and_other_sites_are_refused(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        for headers in (
            {"Host": "evil.test"},
            {"Origin": "http://evil.test"},
            {"Sec-Fetch-Site": "cross-site"},
        ):
            assert service.predict(RECORD, headers=headers).status_code == 403
        own = {"Origin": f"http://127.0.0.1:{service.port}", "Sec-Fetch-Site": "same-origin"}
        assert service.predict(RECORD, headers=own).status_code == 200


def test_a_client_above_its_rate_is_told_when_to_come_again(tmp_path: Path) -> None:
    limits = {"requests_per_second": 0.01, "burst": 3, "api_keys": {"a": "a", "b": "b"}}
    with running(tmp_path, serving=limits) as service:
        statuses = [service.predict(RECORD, headers=bearer("a")).status_code for _ in range(5)]
        assert statuses == [200, 200, 200, 429, 429]
        refused = service.predict(RECORD, headers=bearer("a"))
        assert 0 < int(refused.headers["retry-after"]) <= 100
        assert service.predict(RECORD, headers=bearer("b")).status_code == 200
        assert service.client.get("/health").status_code == 200


def test_more_requests_at_a_time_than_allowed_are_turned_away(tmp_path: Path) -> None:
    with running(tmp_path, serving={"max_concurrent": 2}) as service:
        begun = [half_a_request(service) for _ in range(2)]
        until(lambda: service.waiting() == 2)
        refused = httpx.get(f"http://127.0.0.1:{service.port}/health")
        assert refused.status_code == 503 and refused.headers["retry-after"] == "1"
        for one in begun:
            one.sendall(b"}")
            assert b"422" in one.recv(4096).split(b"\r\n")[0]
            one.close()
        assert service.predict(RECORD).status_code == 200


def half_a_request(service: Running) -> Any:
    one = socket.create_connection(("127.0.0.1", service.port))
    head = f"POST /models/{NAME}/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{{"
    one.sendall(head.encode())
    return one


def test_answers_are_logged_by_feature_name_and_the_truth_joins_them(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        answer = service.predict([RECORD, records(2)[1]], params={"key": "m7"}).json()
        request = answer["request_id"]
        told = service.post("/feedback", {"request_id": request, "record": 1, "truth": 1})
        assert told.status_code == 202
        until(lambda: len(service.log.messages) == 3)
    (one, first), (two, second), (three, truth) = service.log.messages
    assert [one, two, three] == ["served-predictions", "served-predictions", "served-truths"]
    assert first["features"] == RECORD and tuple(first["features"]) == FEATURES
    assert first["probability"] == answer["predictions"][0]["probability"]
    assert (first["model"], first["version"], first["entity"]) == (NAME, 1, "m7")
    assert second["event_id"] == f"{request}:1" == truth["event_id"]
    assert truth["truth"] == 1


def test_what_the_model_saw_is_logged_however_a_list_was_written(tmp_path: Path) -> None:
    plain = json.dumps([dict(reversed(RECORD.items()))])
    name, value = list(RECORD.items())[-1]
    twice = plain.replace("[{", f'[{{"{name}": {value + 1}, ')
    with running(tmp_path) as service:
        for body in (plain, twice, plain.replace(",", f",{' ' * 2_000}")):
            assert service.client.post(f"/models/{NAME}/predict", content=body).status_code == 200
        until(lambda: len(service.log.messages) == 3)
    logged = [message["features"] for _, message in service.log.messages]
    assert logged == [RECORD] * 3
    assert tuple(logged[1]) == FEATURES  # and not the text, which has a name twice


def test_feedback_that_cannot_join_anything_is_refused(tmp_path: Path) -> None:
    with running(tmp_path, serving={"log_predictions": False}) as service:
        for body, status in (
            ({"request_id": "r", "truth": 1}, 409),
            ({"request_id": "r", "truth": 2}, 422),
            ({"request_id": "", "truth": 1}, 422),
            ({"request_id": "r", "truth": 1, "record": -1}, 422),
            ({"truth": 1}, 422),
        ):
            assert service.post("/feedback", body).status_code == status


def test_a_full_log_loses_entries_and_never_an_answer(tmp_path: Path) -> None:
    with running(tmp_path, serving={"log_queue": 1}) as service:
        for _ in range(3):
            assert service.predict(records(5)).status_code == 200
        metrics = service.client.get("/metrics").text
    assert "cdrlake_serving_log_dropped_total 15.0" in metrics


def test_the_shadow_scores_beside_and_never_answers(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        service.registry.shadow(service.register(seed=9))
        service.models.refresh()
        answers = service.predict(records(30)).json()
        assert answers["version"] == 1
        until(lambda: len(service.log.messages) == 30)
        alone = service.post(f"/models/{NAME}/versions/2/predict", records(30)).json()
        until(lambda: len(service.log.messages) == 60)
        metrics = service.client.get("/metrics").text
    told = [one["shadow_probability"] for _, one in service.log.messages[:30]]
    assert told == [one["probability"] for one in alone["predictions"]]
    assert service.log.messages[40][1]["shadow_version"] is None
    labels = f'{{model="{NAME}",shadow="2",version="1"}}'
    assert f"cdrlake_serving_shadow_difference_count{labels} 30.0" in metrics
    pairs = zip(answers["predictions"], alone["predictions"], strict=True)
    others = sum(one["prediction"] != other["prediction"] for one, other in pairs)
    assert f"cdrlake_serving_shadow_disagreed_total{labels} {float(others)}" in metrics


def test_a_split_answers_the_same_keys_with_the_same_version(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        service.registry.split(service.register(seed=9), 0.5)
        service.models.refresh()

        def version(key: str) -> int:
            found: int = service.predict(RECORD, params={"key": key}).json()["version"]
            return found

        first = {key: version(key) for key in map(str, range(40))}
        assert set(first.values()) == {1, 2}
        assert {key: version(key) for key in first} == first


def test_metrics_tell_model_version_and_route(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        service.predict(records(4))
        service.predict({"calls": "x"})
        service.client.get("/nothing")
        metrics = service.client.get("/metrics").text
    counted = f'cdrlake_serving_records_total{{model="{NAME}",route="predict",version="1"}} 4.0'
    assert counted in metrics
    route = 'route="/models/{name}/predict"'
    assert f'cdrlake_serving_requests_total{{{route},status="422"}} 1.0' in metrics
    assert 'cdrlake_serving_requests_total{route="none",status="404"} 1.0' in metrics
