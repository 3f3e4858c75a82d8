"""Every address of the models' service: who may ask, and how it answers what it does not know."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from lakehouse.domains import DOMAINS
from lakehouse.settings import Settings
from serving.rest import extension
from serving.rest.routes import Route
from tests.rest.service import NAME, Running, running

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
OPEN = {"/", "/page/page.js"}
HEALTH = {"/health", "/ping", "/v2", "/v2/health/live", "/v2/health/ready"}
KEYS = {"api_keys": {"shop": "shop-key"}}
PARAMETERS = {"name": NAME, "version": "1", "file": "page.js"}


def address(route: Route) -> str:
    """An address of the route that is there."""
    return re.sub(r"{(\w+)}", lambda match: PARAMETERS.get(match[1], "nothing"), route.path)


def addresses(service: Running) -> Iterator[tuple[str, set[str]]]:
    """Each address with the methods that it takes."""
    routes = service.app._router.routes
    assert len(routes) > 20
    for path in dict.fromkeys(map(address, routes)):
        yield path, {route.method for route in routes if address(route) == path}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """All routes, those of every domain among them, for whoever has a key."""
    extra = tuple(extension.routes(DOMAINS, Settings().serving))
    closed = {"api": {"open_metrics": False, "open_health": False}}
    with running(tmp_path_factory.mktemp("a"), serving=KEYS, others=closed, extra=extra) as found:
        yield found


@pytest.fixture(scope="module")
def free(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """All routes, for everybody on this machine."""
    extra = tuple(extension.routes(DOMAINS, Settings().serving))
    with running(tmp_path_factory.mktemp("b"), extra=extra) as found:
        yield found


def test_with_keys_nothing_but_the_page_is_told_without_one(guarded: Running) -> None:
    told = set()
    assert len(list(addresses(guarded))) > 30, "the domains' routes are among them"
    for path, methods in addresses(guarded):
        for method in methods:
            for headers in ({}, {"Authorization": "Bearer wrong"}, {"X-API-Key": "wrong"}):
                answer = guarded.client.request(method, path, headers=headers)
                if answer.status_code == 401:
                    assert set(answer.json()) == {"error"}
                    assert answer.headers["WWW-Authenticate"] == "bearer"
                else:
                    told.add(path)
            right = guarded.client.request(method, path, headers={"X-API-Key": "shop-key"})
            assert right.status_code != 401, f"{method} {path}"
    assert told == OPEN


def test_health_and_metrics_are_open_where_the_settings_say_so(tmp_path: Path) -> None:
    with running(tmp_path, serving=KEYS) as service:
        asked = {path for path, methods in addresses(service) if "GET" in methods}
        told = {path for path in asked if service.client.get(path).status_code != 401}
    assert told == OPEN | HEALTH | {"/metrics"}


def test_a_name_that_was_made_to_lead_here_is_answered_nothing(free: Running) -> None:
    for path, methods in addresses(free):
        for method in methods:
            answer = free.client.request(method, path, headers={"Host": "evil.test"})
            assert (answer.status_code, set(answer.json())) == (403, {"error"}), f"{method} {path}"


def test_what_has_an_effect_is_refused_to_pages_of_other_sites(free: Running) -> None:
    for path, methods in addresses(free):
        for method in methods - {"GET"}:
            for headers in (
                {"Origin": "http://elsewhere.test"},
                {"Origin": "http://["},
                {"Sec-Fetch-Site": "same-site"},
            ):
                answer = free.client.request(method, path, headers=headers)
                assert answer.status_code == 403, f"{method} {path}"


def test_every_address_answers_every_method_in_its_manner(free: Running) -> None:
    for path, methods in addresses(free):
        taken = methods | ({"HEAD"} if "GET" in methods else set())
        for method in METHODS:
            answer = free.client.request(method, path)
            where = f"{method} {path}: {answer.status_code}"
            if method == "HEAD":
                assert answer.content == b"", where
            if method not in taken:
                assert answer.status_code == 405, where
                assert set(answer.headers["Allow"].split(", ")) == methods, where
            if answer.status_code >= 400:
                assert answer.headers["Content-Type"] == "application/json", where
                assert answer.status_code < 500 or answer.status_code == 503, where


def test_parameters_that_a_route_does_not_know_are_refused(free: Running) -> None:
    for path, methods in addresses(free):
        for method in methods:
            answer = free.client.request(method, path, params={"explian": "1"}, content=b"{}")
            assert answer.status_code == 422, f"{method} {path}"
            assert answer.json()["field"] == "explian"
    answer = free.predict({}, params={"explian": "1"})
    assert answer.json()["error"].endswith("no parameter of this address; it has: explain, key.")
