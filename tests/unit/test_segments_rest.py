"""The segments service over HTTP: what its users know, and none of what they cursed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from tests.rest import segments
from tests.rest.segments import AS_OF, SCORE_FROM, Service

KNOWN = {"usage_freq": 4, "amount_spend": 490, "uniq_merchant": 5, "k": 9}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("segments")
    with segments.running(folder, plain_paths={"/invocations": "segments"}) as made:
        yield made


@pytest.mark.parametrize("path", ["/api-ml-model", "/Staging/api-ml-model"])
def test_the_public_address_answers_as_its_users_know_it(service: Service, path: str) -> None:
    known = {"usage_freq": 1, "amount_spend": 40000, "uniq_merchant": 89, "k": 6, "name": "C_Mason"}
    answered = service.ask(known, path)
    assert answered.status_code == 200, answered.text
    body = answered.json()
    assert body["message"] == "Received data successfully"
    found = body["response"]
    assert isinstance(found["predicted_cluster"], int)
    assert found["will_spend"] is (found["probability"] >= 0.5)
    assert found["interval"][0] <= found["probability"] <= found["interval"][1]
    assert (found["k"], found["basis"], found["as_of"]) == (6, "request", str(SCORE_FROM))
    assert (found["state"], found["segment"]) == (None, None)
    assert (found["model"], found["model_version"], found["types_version"]) == (
        "will_spend_request", 1, 1,
    )  # fmt: skip


def test_the_unwrapped_body_gets_the_unwrapped_answer(service: Service) -> None:
    plain = service.ask(KNOWN, "/invocations")
    assert plain.status_code == 200, plain.text
    assert plain.json() == service.ask(KNOWN).json()["response"]
    assert service.ask(KNOWN, "/segments/invocations").json() == plain.json()
    assert service.client.get("/ping").json() == {"status": "ok"}


def test_the_probability_never_falls_as_k_grows(service: Service) -> None:
    found = [service.ask({**KNOWN, "k": k}).json()["response"] for k in (1, 2, 7, 30, 90)]
    chances = [one["probability"] for one in found]
    assert chances == sorted(chances) and chances[0] < chances[-1]


def test_names_change_nothing_and_are_nowhere_to_be_found(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    names: list[Any] = ["C_Mason", "Zoe Unlikely-Surname", 7, ["x"], None]
    answers = [service.ask({**KNOWN, "name": name}).content for name in names]
    answers.append(service.ask(KNOWN).content)
    assert set(answers) == {answers[0]}
    service.ask({**KNOWN, "k": 0, "name": "Zoe Unlikely-Surname"})
    card = "4111111111111111"
    refused = service.ask({"card": card, "k": 3})
    assert refused.status_code == 422 and refused.json()["field"] == "card"
    seen = caplog.text + str(service.log.messages) + service.client.get("/metrics").text
    for secret in ("Unlikely", "C_Mason", card):
        assert secret not in seen + refused.text


def test_a_known_card_is_answered_from_its_history(service: Service) -> None:
    card = service.cards[-1]
    found = service.ask({"card": card, "k": 7}).json()["response"]
    assert (found["basis"], found["model"], found["as_of"]) == (
        "history", "will_spend", str(AS_OF[1]),
    )  # fmt: skip
    assert found["state"] in ("active", "pausing", "quiet")
    assert found["segment"].startswith(found["type"]) or "or" in found["segment"]
    before = service.ask({"card": card, "k": 7, "as_of": str(AS_OF[0])}).json()["response"]
    assert before["as_of"] == str(AS_OF[0])
    stored = service.client.post("/models/will_spend/predict", json={"key": card}).json()
    assert found["probability"] == stored["probability"]


def test_a_card_without_history_up_to_that_day_is_404(service: Service) -> None:
    nobody = service.ask({"card": "f" * 32, "k": 7})
    assert nobody.status_code == 404
    early = service.ask({"card": service.cards[0], "k": 7, "as_of": "2015-01-01"})
    assert early.status_code == 404 and "2015-01-01" in early.json()["error"]


def test_the_day_that_is_asked_about_decides_not_the_clock(service: Service) -> None:
    monday = service.ask({**KNOWN, "k": 1, "as_of": "2026-06-01"}).json()["response"]
    sunday = service.ask({**KNOWN, "k": 1, "as_of": "2026-06-07"}).json()["response"]
    assert monday["probability"] != sunday["probability"]
    assert monday["as_of"] == "2026-06-01"


WRONG: list[tuple[Any, str | None]] = [
    ({**KNOWN, "k": 0}, "input.k"),
    ({**KNOWN, "k": 91}, "input.k"),
    ({**KNOWN, "k": 1.5}, "input.k"),
    ({**KNOWN, "k": "9"}, "input.k"),
    ({**KNOWN, "k": None}, "input.k"),
    ({key: KNOWN[key] for key in ("usage_freq", "amount_spend", "uniq_merchant")}, "k"),
    ({**KNOWN, "usage_freq": 0}, "input.usage_freq"),
    ({**KNOWN, "usage_freq": -3}, "input.usage_freq"),
    ({**KNOWN, "usage_freq": 1e300}, "input.usage_freq"),
    ({**KNOWN, "amount_spend": 0}, "input.amount_spend"),
    ({**KNOWN, "amount_spend": True}, "input.amount_spend"),
    ({**KNOWN, "amount_spend": 1e300}, "input.amount_spend"),
    ({**KNOWN, "uniq_merchant": "five"}, "input.uniq_merchant"),
    ({**KNOWN, "uniq_merchant": None}, "uniq_merchant"),
    ({**KNOWN, "as_of": "tomorrow"}, "input.as_of"),
    ({**KNOWN, "as_of": "2026-13-01"}, "input.as_of"),
    ({**KNOWN, "card": "0" * 32}, "usage_freq"),
    ({**KNOWN, "more": 1}, "more"),
    ({"card": "0" * 31, "k": 7}, "card"),
    ({"card": 5, "k": 7}, "input.card"),
    ([], "input"),
    (None, "input"),
]


@pytest.mark.parametrize("given,field", WRONG, ids=[str(n) for n in range(len(WRONG))])
def test_a_wrong_body_is_refused_by_name(service: Service, given: Any, field: str | None) -> None:
    answered = service.ask(given)
    assert answered.status_code == 422, answered.text
    assert answered.json().get("field") == field, answered.text


def test_a_body_without_input_is_refused(service: Service) -> None:
    answered = service.client.post("/api-ml-model", json=KNOWN)
    assert answered.status_code == 422, answered.text
    assert service.client.post("/api-ml-model", content=b"{").status_code == 400
    assert service.client.post("/api-ml-model", content=b"").status_code == 400
