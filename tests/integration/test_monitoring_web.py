"""The HTTP side: hostile requests, access rules, and the description of the interface."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import pytest
import schemathesis
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.integration import monitoring_data as made
from tests.integration.monitoring_data import ANALYSIS_START, FakeRegistry

REQUESTS = 100
MODEL = 'model="customer_churn_random_forest"'
HOSTILE = [
    "", " ", "0", "-1", "2026-13-45", "2024-25-26", "9999-12-31", "0001-01-01", "2026-05-18", "D",
    "W", "50", "100000000", "1e9", "NaN", "..", "../../etc/passwd", "%2e%2e%2f", "/etc/passwd",
    "' OR 1=1 --", "<script>", "\x00", "٣", "💥", "a" * 5000, "2026-05-18\n", "null", "[]", "{}",
]  # fmt: skip
AS_DESCRIBED = [content_type_conformance, response_schema_conformance, status_code_conformance]
PATHS = [
    "/runs/{}/report.json", "/runs/20260701T120000Z-abcdef/{}", "/runs/{}/{}", "/static/{}", "/{}",
    "/runs?limit={}", "/run-monitoring?start_date={}", "/run-monitoring?end_date={}",
    "/run-monitoring?model_version={}", "/run-monitoring?period={}", "/run-monitoring?{}=1",
    "/run-monitoring?start_date={}&end_date={}", "/report.json?{}", "/pipeline?{}", "/metrics?{}",
]  # fmt: skip


pytestmark = pytest.mark.usefixtures("fits_once")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("installation")


@pytest.fixture(scope="module")
def app(folder: Path) -> Flask:
    settings = made.settings_in(folder)
    made.append(settings, made.rows(ANALYSIS_START, 2, per_day=200, seed=2))
    parts = made.parts(settings, FakeRegistry(made.reference(200)))
    (folder / "secret.txt").write_text("do not serve")
    return parts.app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def files(folder: Path) -> set[str]:
    kept = ("output", "state", "lake")
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(path) for path in found if path.parts[0] not in kept}


def hostile_urls() -> Iterator[str]:
    rng = random.Random(7)
    for _ in range(REQUESTS):
        path = rng.choice(PATHS)
        words = (quote(rng.choice(HOSTILE), safe=rng.choice(["", "/"])) for _ in range(2))
        yield path.format(*words)


def test_hostile_requests_at_the_same_time_break_nothing(app: Flask, folder: Path) -> None:
    before = files(folder)
    urls = list(hostile_urls())
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda url: app.test_client().get(url), urls))
    assert len(answers) == REQUESTS
    for url, answer in zip(urls, answers, strict=True):
        assert answer.status_code < 500, (url, answer.get_data(as_text=True))
        assert b"do not serve" not in answer.data
        if answer.status_code >= 400 and answer.is_json:
            assert set(answer.get_json()) == {"error"}, url
            assert "Traceback" not in answer.get_json()["error"]
    assert files(folder) == before


@pytest.mark.parametrize(
    ("query", "status", "says"),
    [
        ("start_date=2024-25-26", 400, "start_date must be a date like 2026-01-31, not"),
        (
            "start_date=2026-05-20&end_date=2026-05-19",
            400,
            "end_date must be a date from 2026-05-20 on, not",
        ),
        ("perod=D", 400, "did you mean 'period'?"),
        ("period=M", 400, "period must be D, W, hours as in 6H"),
        ("model_version=0", 400, "model_version must be an integer from 1 to"),
        ("model_version=0000000000010", 404, "model_version: expected one of 1"),
        ("model_version=9", 404, "model_version: expected one of 1"),
        ("start_date=2030-01-01", 404, "rows of model version 1"),
        ("start_date=2026-05-01", 409, "a date after the reference"),
    ],
)
def test_a_wrong_parameter_is_named(
    client: FlaskClient, query: str, status: int, says: str
) -> None:
    answer = client.get(f"/run-monitoring?{query}")
    assert answer.status_code == status
    assert says in answer.get_json()["error"]


def test_before_the_first_champion_the_answer_is_503(tmp_path: Path) -> None:
    parts = made.parts(made.settings_in(tmp_path), FakeRegistry(number=None))
    client = parts.app.test_client()
    answer = client.get("/run-monitoring")
    assert (answer.status_code, client.get("/health").status_code) == (503, 200)
    assert "train a model first" in answer.get_json()["error"]
    assert client.get("/report.json").status_code == 404


def test_a_token_is_asked_for_where_a_run_is_started(tmp_path: Path) -> None:
    settings = made.settings_in(tmp_path).model_copy(
        update={"api": made.settings_in(tmp_path).api.model_validate({"token": "s3cret"})}
    )
    client = made.parts(settings, FakeRegistry(number=None)).app.test_client()
    tried = [None, "Bearer wrong", "Basic s3cret", "Bearer", "s3cret"]
    for value in tried:
        headers = {"Authorization": value} if value else {}
        assert client.get("/run-monitoring", headers=headers).status_code == 401
    right = client.get("/run-monitoring", headers={"Authorization": "Bearer s3cret"})
    assert right.status_code == 503, "let in, and told what is missing"
    assert client.get("/health").get_json()["token_required"] is True


@pytest.mark.parametrize("site", ["cross-site", "same-site", "anything"])
def test_another_site_cannot_start_a_run(client: FlaskClient, site: str) -> None:
    answer = client.get("/run-monitoring", headers={"Sec-Fetch-Site": site})
    assert answer.status_code == 403


def test_a_name_that_was_made_to_lead_here_is_not_answered(client: FlaskClient) -> None:
    for path in ("/", "/report.json", "/run-monitoring"):
        assert client.get(path, headers={"Host": "evil.test:5001"}).status_code == 403


def test_the_page_needs_nothing_from_elsewhere(client: FlaskClient) -> None:
    for path in ("/", "/static/app.js", "/static/charts.js", "/static/app.css"):
        answer = client.get(path)
        assert answer.status_code == 200
        text = answer.get_data(as_text=True).replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text and "https://" not in text, path
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'")


def test_metrics_speak_of_the_last_run(client: FlaskClient) -> None:
    assert client.get("/run-monitoring").status_code == 200
    text = client.get("/metrics").get_data(as_text=True)
    assert f'cdrlake_monitoring_finding{{finding="data_drift",{MODEL}}} 0.0' in text
    assert f'cdrlake_performance{{kind="realised",metric="roc_auc",{MODEL}}}' in text
    assert f"cdrlake_monitoring_rows{{{MODEL}}} 400.0" in text


@given(data=st.data())
@hypothesis_settings(
    max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
def test_the_interface_is_as_described(app: Flask, data: st.DataObject) -> None:
    schema = schemathesis.openapi.from_wsgi("/openapi.json", app)
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) == 10, "all but the description itself"
    for operation in operations:
        case = data.draw(operation.as_strategy())
        answer = case.call()
        case.validate_response(answer, checks=AS_DESCRIBED)
        assert answer.status_code < 500, operation.path
        assert str(answer.status_code) in operation.definition.raw["responses"], operation.path
