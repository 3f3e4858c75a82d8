"""Other protocols over the same scorer: Open Inference Protocol, MLflow's, and the API page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tritonclient.http as triton

from tests.rest.samples import FEATURES, records
from tests.rest.service import NAME, Running, running

MANY = records(5, seed=5)
FRAME = pd.DataFrame(MANY)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("service")) as made:
        yield made


@pytest.fixture
def expected(service: Running) -> list[float]:
    return [one["probability"] for one in service.predict(MANY).json()["predictions"]]


@pytest.mark.parametrize("binary", [False, True])
def test_a_real_client_of_the_inference_protocol_gets_the_same_numbers(
    service: Running, expected: list[float], binary: bool
) -> None:
    client = triton.InferenceServerClient(f"127.0.0.1:{service.port}")
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready(NAME)
    assert client.is_model_ready(NAME, "1") and not client.is_model_ready(NAME, "7")
    assert [one["name"] for one in client.get_model_metadata(NAME)["inputs"]] == list(FEATURES)
    inputs = []
    for name in reversed(FEATURES):
        one = triton.InferInput(name, [len(MANY), 1], "FP64")
        one.set_data_from_numpy(FRAME[[name]].to_numpy(), binary_data=binary)
        inputs.append(one)
    for version in ("", "1"):
        found = client.infer(NAME, inputs, model_version=version, request_id="mine")
        assert found.get_response()["id"] == "mine"
        assert found.as_numpy("probability").tolist() == expected
        assert found.as_numpy("prediction").dtype == np.int32
    client.close()


def tensors(**changes: Any) -> dict[str, Any]:
    inputs = [
        {"name": name, "shape": [1], "datatype": "FP64", "data": [1.0]} | changes.get(name, {})
        for name in FEATURES
    ]
    return {"inputs": inputs} | {key: changes[key] for key in changes if key not in FEATURES}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (tensors(calls={"shape": [2]}), "the shape [1]"),
        (tensors(calls={"datatype": "BYTES"}), "one of the types"),
        (tensors(calls={"name": "other"}), "is missing"),
        (tensors(calls={"data": [1.0, 2.0], "shape": [2]}), "same number of records"),
        (tensors(calls={"data": ["1"]}), "inputs"),
        (tensors(calls={"parameters": {"binary_data_size": 8}, "data": None}), "binary_data_size"),
        (tensors(outputs=[{"name": "other"}]), "no output 'other'"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(service: Running, body: Any, text: str) -> None:
    response = service.post(f"/v2/models/{NAME}/infer", body)
    assert response.status_code == 422, response.text
    assert text in response.json()["error"]


def test_every_form_of_an_invocation_gives_the_same(
    service: Running, expected: list[float]
) -> None:
    turned = FRAME[list(reversed(FEATURES))]
    bodies: list[tuple[bytes, str]] = [
        (json.dumps({"dataframe_split": turned.to_dict(orient="split")}).encode(), "json"),
        (json.dumps({"dataframe_records": MANY}).encode(), "json"),
        (json.dumps({"instances": MANY}).encode(), "json"),
        (turned.to_csv(index=False).encode(), "csv"),
    ]
    assert service.client.get("/ping").json() == {"status": "ok"}
    for body, form in bodies:
        media = {"json": "application/json; charset=utf-8", "csv": "text/csv"}[form]
        response = service.post("/invocations", body, headers={"Content-Type": media})
        assert response.status_code == 200, response.text
        assert [one["probability"] for one in response.json()["predictions"]] == expected


@pytest.mark.parametrize(
    ("body", "media", "status", "text"),
    [
        (b"{}", "application/json", 422, "one of dataframe_split"),
        (b"calls\n1", "text/csv", 422, "'days silent' is missing"),
        (b"calls,days silent,amount.sum\n1,2,x", "text/csv", 422, "must be a number"),
        (b"calls,days silent,amount.sum\n1,2,nan", "text/csv", 422, "finite number"),
        (b"calls,days silent,amount.sum\n1,2", "text/csv", 422, "2 values for 3 columns"),
        (b"\xff", "text/csv", 400, "not CSV"),
        (b"<a/>", "application/xml", 415, "must be application/json or text/csv"),
    ],
)
def test_an_invocation_that_does_not_fit_is_refused(
    service: Running, body: bytes, media: str, status: int, text: str
) -> None:
    response = service.post("/invocations", body, headers={"Content-Type": media})
    assert response.status_code == status and text in response.json()["error"], response.text


def test_the_page_and_all_that_it_loads_come_from_the_service(service: Running) -> None:
    page = service.client.get("/")
    assert page.status_code == 200 and "http" not in page.text.replace("<!doctype html>", "")
    for file in ("page.js", "page.css", "look.css", "icon.svg"):
        assert service.client.get(f"/page/{file}").status_code == 200
    assert service.client.get("/page/other.js").status_code == 404
    assert "default-src 'self'" in page.headers["content-security-policy"]


def test_the_document_describes_each_model_by_its_features(service: Running) -> None:
    document = service.client.get("/openapi.json").json()
    record = document["components"]["schemas"]["MRecord"]
    assert set(record["required"]) == set(FEATURES)
    body = document["paths"][f"/models/{NAME}/predict"]["post"]["requestBody"]
    for sample in body["content"]["application/json"]["examples"].values():
        assert service.predict(sample["value"]).status_code == 200
