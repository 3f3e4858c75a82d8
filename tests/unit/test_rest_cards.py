"""The routes of card transactions, over HTTP: predictions, the version, and the switch back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from flaskapp.cards.source import COLUMNS, body
from flaskapp.cards.world.world import World
from lakehouse.domains.cards import features
from lakehouse.domains.cards.card_state import fold
from lakehouse.domains.cards.transaction import transaction
from serving.cards import routes as cards
from serving.rest import extension
from tests.rest import samples
from tests.rest.service import NAME, Running, running

ROWS = [one.row for one in World(3, start=datetime(2026, 3, 1, tzinfo=UTC)).transactions(6)]


@pytest.fixture
def service(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Running]:
    monkeypatch.setattr(cards, "MODEL_NAME", NAME)
    monkeypatch.setattr(samples, "FEATURES", features.NAMES)
    made = extension.arranged({"cards": cards.ROUTES}, {})
    with running(tmp_path_factory.mktemp("service"), extra=tuple(made)) as found:
        yield found


def expected(service: Running, rows: list[dict[str, Any]]) -> list[float]:
    """The scores of one card's transactions, by the shared function and the champion itself."""
    moments = [
        datetime.fromisoformat(row["trans_date_trans_time"]).replace(tzinfo=UTC) for row in rows
    ]
    events = [
        transaction({**row, "trans_date_trans_time": at})
        for row, at in zip(rows, moments, strict=True)
    ]
    champion = service.registry.champion()
    assert champion is not None
    scorer = service.registry.load(champion).scorer
    found: list[float] = scorer.score(np.array(fold(events))).probability.tolist()
    return found


def test_a_transaction_is_scored_in_every_form_of_the_source(service: Running) -> None:
    card = ROWS[0]["cc_num"]
    rows = [row for row in ROWS if row["cc_num"] == card]
    scores = expected(service, rows)
    for number in (1, 3, 7):  # plain, JSON in a string, a renamed column
        for path in ("/predict", "/cards/predict"):
            found = service.post(path, body(rows, number)).json()
            assert [one["score"] for one in found["transactions"]] == scores
            assert found["prediction"] == str(int(scores[0] >= samples.THRESHOLD))
            assert found["version"] == 1
    extra = {**rows[0], "device": {"id": 7}}
    assert service.post("/predict", extra).json()["transactions"][0]["score"] == scores[0]


def test_what_is_no_transaction_is_refused_with_the_sentence_that_users_know(
    service: Running,
) -> None:
    one = json.loads(body(ROWS[:2], 1))
    short = {**one, "columns": [*COLUMNS[:-1], "time"]}
    deep = b"[" * 100_000
    ancient = {**ROWS[0], "trans_date_trans_time": "0001-01-01T00:00:00+01:00"}
    broken = {**ROWS[0], "cc_num": "\ud8001234567"}
    odd: Any
    for odd in (b"{", b"[1]", b'"text"', {}, {"amt": 1}, short, ancient, broken, deep,
                b'{"amt":' + deep):  # fmt: skip
        refused = service.post("/predict", odd)
        assert refused.status_code == 422, odd
        assert refused.json()["error"] == cards.REFUSED
    twice = {**one, "data": [one["data"][0]] * 2}
    assert "appears twice" in service.post("/predict", twice).json()["error"]
    for empty in ({**one, "data": []}, b"[]"):
        assert service.post("/predict", empty).status_code == 422


def test_the_samples_of_the_page_are_answered(service: Running) -> None:
    assert len(cards.SAMPLES) == 2
    for one in cards.SAMPLES.values():
        assert service.post("/predict", one).json()["prediction"] in ("0", "1")
    assert service.client.get("/").status_code == 200


def test_the_version_is_told_and_switched_back_and_forth(service: Running) -> None:
    answer = service.client.get("/get_model_ver").json()
    assert answer == {"model": NAME, "version": 1, "champions": [1]}
    assert service.post("/switch_model_ver").status_code == 409
    service.promote(service.register(seed=2))
    versions = [service.post("/switch_model_ver").json()["version"] for _ in range(3)]
    assert versions == [1, 2, 1]
    assert service.client.get("/get_model_ver").json()["champions"] == [1, 2]
    assert service.post("/predict", body(ROWS[:1], 1)).json()["version"] == 1
    # Nothing is switched by following a link.
    assert service.client.get("/switch_model_ver").status_code == 405
