"""Predictions over HTTP: every form that a body may have, and what is wrong with others."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from lakehouse.models.model_kinds import MODEL_KINDS
from lakehouse.names import table_uri
from tests.rest.samples import FEATURES, MAKERS, records
from tests.rest.service import NAME, Running, running
from tests.toy.machines import FAILURES

RECORD = records(1)[0]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("service"), serving={"max_body_kib": 64}) as made:
        made.register(seed=1)
        yield made


def test_every_kind_of_model_has_a_maker_for_the_tests_of_serving() -> None:
    assert set(MAKERS) == set(MODEL_KINDS), "add a maker to tests/rest/samples.py"


def test_a_record_is_answered_with_who_decided_what(service: Running) -> None:
    response = service.predict(RECORD)
    answer = response.json()
    assert response.status_code == 200
    assert answer.keys() == {"request_id", "model", "version", "threshold", "prediction",
                             "probability"}  # fmt: skip
    assert (answer["model"], answer["version"]) == (NAME, 1)
    assert answer["prediction"] == (answer["probability"] >= answer["threshold"])
    assert response.headers["x-request-id"] == answer["request_id"]
    stages = [stage.split(";")[0] for stage in response.headers["server-timing"].split(", ")]
    assert stages == ["read", "model", "validate", "score", "answer"]


def test_a_list_is_answered_in_its_order_and_by_name_not_by_position(service: Running) -> None:
    many = records(20, seed=3)
    turned = [dict(reversed(record.items())) for record in many]
    answers = [service.predict(record).json()["probability"] for record in many]
    found = service.predict(turned).json()["predictions"]
    assert [one["probability"] for one in found] == answers


def test_a_version_that_is_named_answers_whoever_is_champion(service: Running) -> None:
    found = service.post(f"/models/{NAME}/versions/2/predict", RECORD).json()
    assert found["version"] == 2
    assert found["probability"] != service.predict(RECORD).json()["probability"]


def test_reasons_come_when_they_are_asked_for(service: Running) -> None:
    found = service.predict(RECORD, params={"explain": "1"}).json()
    assert {one["feature"] for one in found["reasons"]} == set(FEATURES)
    many = service.predict([RECORD, RECORD], params={"explain": "true"}).json()
    assert [one["reasons"] for one in many["predictions"]] == [found["reasons"]] * 2


def test_a_plain_request_id_is_kept_and_any_other_replaced(service: Running) -> None:
    kept = service.predict(RECORD, headers={"X-Request-Id": "order-17"}).json()
    other = service.predict(RECORD, headers={"X-Request-Id": "a b" * 40}).json()
    assert kept["request_id"] == "order-17"
    assert "a b" not in other["request_id"]


WRONG: list[tuple[Any, int, str, str | None]] = [
    ({**RECORD, "calls": "NaN"}, 422, "must be a number, and is a string", "calls"),
    ({**RECORD, "calls": "7"}, 422, "must be a number, and is a string", "calls"),
    ({**RECORD, "calls": True}, 422, "must be a number, and is true or false", "calls"),
    ({**RECORD, "calls": None}, 422, "must be a number, and is null", "calls"),
    ({**RECORD, "calls": [1]}, 422, "must be a number, and is a list", "calls"),
    ({**RECORD, "other": 1}, 422, "is not known here", "other"),
    ({"calls": 1}, 422, "is missing", "days silent"),
    ([RECORD, {**RECORD, "days silent": "x"}], 422, "of record 1 must be", "days silent"),
    ([], 422, "1 to 1,000 records", None),
    ([RECORD] * 1_001, 413, "more than", None),
    ("text", 422, "must be an object", None),
    (7, 422, "must be an object", None),
    (b'{"calls": 1e999}', 422, "out of range", "calls"),
    (b'{"calls": NaN}', 400, "is not JSON", None),
    (b'{"calls": 1', 400, "is not JSON", None),
    (b"", 400, "is not JSON", None),
    (b'{"\xff": 1}', 400, "not valid UTF-8", None),
    ({"key": "k" * 300}, 422, "at most 256", "key"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "status", "text", "field"), WRONG)
def test_what_is_wrong_is_said_in_a_sentence_with_the_field(
    service: Running, body: Any, status: int, text: str, field: str | None
) -> None:
    response = service.predict(body)
    problem = response.json()
    assert response.status_code == status, problem
    assert text in problem["error"] and problem["error"].endswith(".")
    assert problem.get("field") == field


def test_what_there_is_not_is_said_with_what_there_is(service: Running) -> None:
    for path, text in (
        ("/models/x/predict", "known are: m"),
        (f"/models/{NAME}/versions/9/predict", "its versions are: 1, 2"),
        (f"/models/{NAME}/versions/x/predict", "whole numbers"),
        ("/nothing", "/openapi.json"),
    ):
        response = service.post(path, RECORD)
        assert response.status_code == 404 and text in response.json()["error"]
    wrong = service.client.get(f"/models/{NAME}/predict")
    assert wrong.status_code == 405 and wrong.headers["allow"] == "POST"


def test_a_key_is_answered_from_the_newest_features_of_that_entity(service: Running) -> None:
    row = dict(zip(FEATURES, (1.0, 2.0, 3.0), strict=True))
    at = [datetime(2026, 5, day, tzinfo=UTC) for day in (1, 3, 2)]
    frame = pl.DataFrame(
        {"machine": ["m1"] * 3, "at": at, **{name: [0.0, row[name], 9.0] for name in FEATURES}}
    )
    frame.write_delta(table_uri(f"{service.folder}/lake", FAILURES.features))
    found = service.predict({"key": "m1"}).json()
    assert found["as_of"] == "2026-05-03T00:00:00+00:00"
    assert found["probability"] == service.predict(row).json()["probability"]
    missing = service.predict({"key": "m2"})
    assert missing.status_code == 404 and "'m2'" in missing.json()["error"]
