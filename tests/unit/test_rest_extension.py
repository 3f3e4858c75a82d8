"""Routes of domains: below the domain's name, at their plain paths, and those of churn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from lakehouse.errors import SettingsError
from serving.cdr import routes as churn
from serving.rest import extension
from serving.rest.answers import encode
from serving.rest.door import Door
from serving.rest.exchange import Exchange
from serving.rest.routes import Route
from tests.rest.samples import FEATURES, records
from tests.rest.service import NAME, Running, running


async def hello(_: Door, exchange: Exchange) -> None:
    await exchange.answer(encode({"path": exchange.scope["path"]}))


OWN = Route("POST", "/predict", "A domain's own", hello, body={"type": "object"})
PING = Route("GET", "/ping", "Hidden by the shared one", hello)


def paths(chosen: dict[str, str], **own: Any) -> list[str]:
    return [route.path for route in extension.arranged(own, chosen)]


def test_a_route_is_below_its_domain_and_at_its_plain_path() -> None:
    assert paths({}, toy=[OWN]) == ["/toy/predict", "/predict"]


def test_a_plain_path_that_two_want_is_the_first_ones_unless_a_setting_says_otherwise() -> None:
    both = {"a": [OWN], "b": [OWN]}
    assert paths({}, **both) == ["/a/predict", "/predict", "/b/predict"]
    assert paths({"/predict": "b"}, **both) == ["/a/predict", "/b/predict", "/predict"]
    assert paths({"/predict": "none"}, **both) == ["/a/predict", "/b/predict"]
    with pytest.raises(SettingsError, match="a domain with"):
        paths({"/predict": "c"}, **both)


def test_a_shared_route_keeps_its_path() -> None:
    assert paths({}, toy=[PING]) == ["/toy/ping"]


def test_a_setting_gives_the_path_of_a_shared_route_to_a_domain() -> None:
    assert paths({"/ping": "toy"}, toy=[PING]) == ["/toy/ping", "/ping"]
    assert paths({"/ping": "none"}, toy=[PING]) == ["/toy/ping"]


def test_a_domain_without_routes_has_none() -> None:
    assert extension.named("toy") == ()
    assert extension.named("cdr") == churn.ROUTES


@pytest.fixture
def service(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Running]:
    monkeypatch.setattr(churn, "MODEL_NAME", NAME)
    made = extension.arranged({"cdr": churn.ROUTES, "toy": [replace(OWN, method="PUT")]}, {})
    with running(tmp_path_factory.mktemp("service"), extra=tuple(made)) as found:
        yield found


def test_the_routes_of_the_churn_service_answer_as_its_users_know_them(service: Running) -> None:
    many = records(3)
    expected = [service.predict(one).json()["probability"] for one in many]
    for stem in ("", "/cdr"):
        found = service.post(f"{stem}/predict/batch", {"instances": many})
        assert [one["probability"] for one in found.json()["predictions"]] == expected
        empty = service.post(f"{stem}/predict/batch", {"instances": []})
        assert empty.status_code == 422 and "1 to 1,000" in empty.json()["error"]
        why = service.post(f"{stem}/predict/explain", many[0]).json()["reasons"]
        assert {one["feature"] for one in why} == set(FEATURES)
        assert service.client.get(f"{stem}/model/info").json()["version"] == 1
    service.registry.promote(service.register(seed=2), "better")
    assert service.post("/model/reload").json()["version"] == 2
    assert service.client.put("/toy/predict").json() == {"path": "/toy/predict"}
