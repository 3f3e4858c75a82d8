"""The investigators' page, as far as it needs no database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx
import pytest

from cdrlake.services.ports import free_ports
from cdrlake.waiting import patiently
from flaskapp.cards import verdicts
from flaskapp.cards.investigate import _why, create_app, serve
from flaskapp.cards.reports import MOST_BYTES
from flaskapp.cards.verdict_relay import Relay
from lakehouse import mysql
from lakehouse.clock import FixedClock
from lakehouse.domains.cards.features import NAMES
from lakehouse.domains.settings import Settings, load


def test_the_features_of_a_transaction_say_why_it_is_to_be_looked_at() -> None:
    values = {**dict.fromkeys(NAMES, -1.0), "sum_24h": 1234.0, "new_merchant": 1.0}
    values["new_category"] = 0.0
    shown = _why(json.dumps([values[name] for name in NAMES]))
    assert shown == [("spent within 24 hours", "1,234"), ("new merchant", "")]


@pytest.mark.parametrize(
    "features",
    ["[]", json.dumps([0.0] * (len(NAMES) + 1)), "null", '"text"', json.dumps([None] * len(NAMES))],
)
def test_features_of_another_kind_say_nothing(features: str) -> None:
    assert _why(features) == []


@pytest.fixture
def service(tmp_path: Path) -> Iterator[httpx.Client]:
    """The service as it is started, while broker and database are away."""
    (port,) = free_ports(1)
    environment = {"CDRLAKE_STATE_DIR": str(tmp_path), "CDRLAKE_CARDS__PAGE_PORT": str(port)}
    away = {"CDRLAKE_KAFKA__PORT": "1", "CDRLAKE_MYSQL__PORT": "1"}
    stop = Event()
    thread = Thread(target=serve, args=(load(environment | away), stop))
    thread.start()
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        patiently(lambda: is_there(client), "the page")
        yield client
    stop.set()
    thread.join()


def is_there(client: httpx.Client) -> bool:
    try:
        return client.get("/health").status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.parametrize(("size", "status"), [(1, 200), (MOST_BYTES, 200), (MOST_BYTES + 1, 400)])
def test_a_report_may_have_as_many_bytes_as_its_refusal_says(
    service: httpx.Client, size: int, status: int
) -> None:
    name = "data_drift_report_20261102_120000.html"
    answer = service.post("/upload", files={"file": (name, b"x" * size)})
    assert answer.status_code == status, answer.text
    if status == 200:
        assert len(service.get("/report/20261102_120000").content) == size
    assert service.post("/confirm", content=b"x" * 65_537).status_code == 413


@pytest.mark.parametrize(
    "error", [OSError("no space left on device"), ZeroDivisionError("a fault of ours")], ids=repr
)
def test_verdicts_are_sent_on_after_any_error_and_health_says_what_is_wrong(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, clock, stop = Settings(), FixedClock(datetime(2026, 1, 1, tzinfo=UTC)), Event()
    relay = Relay(settings, clock, stop)
    client = create_app(settings, clock, relay).test_client()
    healths: list[dict[str, Any]] = []

    def send(_: object, __: object) -> int:
        healths.append(client.get("/health").get_json())
        if len(healths) == 1:
            raise error
        if len(healths) == 3:
            stop.set()
        return 1

    monkeypatch.setattr(mysql, "connect", lambda _: nullcontext())
    monkeypatch.setattr(verdicts, "relay", send)
    relay.run()
    fine = {"status": "ok", "problem": None}
    assert healths == [fine, {"status": "degraded", "problem": f"verdicts wait: {error}"}, fine]
