"""The investigators' page, as far as it needs no database."""

from __future__ import annotations

import json
from contextlib import nullcontext
from datetime import UTC, datetime
from threading import Event
from typing import Any

import pytest

from flaskapp.cards import verdicts
from flaskapp.cards.investigate import _why, create_app
from flaskapp.cards.verdict_relay import Relay
from lakehouse import mysql
from lakehouse.clock import FixedClock
from lakehouse.domains.cards.features import NAMES
from lakehouse.domains.settings import Settings


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
