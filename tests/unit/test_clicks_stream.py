"""A stream of clicks: its visitors' own clicks, dated as asked, and the same after a crash."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from flaskapp import streams
from flaskapp.clicks import sending, traffic
from flaskapp.clicks.sending import ANCHOR, FIRST_ID, ClicksContext, ClicksRequest
from flaskapp.streams import Stream
from lakehouse.domains.clicks import world
from lakehouse.schema_registry import avro_schemas

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class At:
    """A clock that stands still."""

    def now(self) -> datetime:
        return NOW


@dataclass
class Wire:
    """Takes messages, and says what they hold."""

    sent: list[dict[str, Any]] = field(default_factory=list)

    def send(self, _: str, key: str, value: bytes) -> None:
        record = avro_schemas.read(value, traffic.SCHEMA)
        assert record["user_id"] == key
        self.sent.append(record)

    def deliver(self) -> None: ...

    def register(self, *_: object) -> int:
        return 1


@dataclass
class Database:
    """Counts commits; its cursor is not looked at."""

    commits: int = 0

    @property
    def connection(self) -> Database:
        return self

    def cursor(self) -> Database:
        return self

    def commit(self) -> None:
        self.commits += 1

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None: ...


@pytest.fixture(autouse=True)
def _no_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "advance", lambda *_, **__: None)
    monkeypatch.setattr(streams, "reach", lambda *_: None)


def stream(sent_batches: int = 0, **asked: Any) -> Stream:
    values = ClicksRequest(users=20, bots=0.2, batch_size=50, num_batches=3, seed=5, **asked)
    request = values.as_dict() | {FIRST_ID: 7_000, ANCHOR: NOW.isoformat()}
    mode = request["mode"]
    return Stream("s", "clicks", mode, "running", request, sent_batches, 0, 0, None, NOW, NOW)


def run(found: Stream) -> tuple[list[dict[str, Any]], list[float]]:
    """What it sends, and how long it waits in between."""
    wire, database, pauses = Wire(), Database(), list[float]()
    context = ClicksContext(*cast(Any, (database, At(), wire, wire)))

    def wait(pause: float) -> bool:
        pauses.append(pause)
        return False

    assert sending.send(context, found, wait)
    assert database.commits == 3 - found.sent_batches
    return wire.sent, pauses


def test_a_replay_ends_now_and_a_crash_changes_none_of_its_clicks() -> None:
    whole, pauses = run(stream(mode="replay", interval=9))
    assert (len(whole), pauses) == (150, [0.0, 9, 9])
    moments = [record["ts"] for record in whole]
    assert moments == sorted(moments) and NOW - moments[-1] < timedelta(milliseconds=1)
    crowd = {str(one.id) for one in world.visitors(20, 0.2, 5, 7_000)}
    assert {record["user_id"] for record in whole} <= crowd
    assert run(stream(1, mode="replay"))[0] == whole[50:]


def test_live_clicks_are_sent_when_they_have_happened() -> None:
    whole, pauses = run(stream(mode="live"))
    assert all(record["ts"] >= NOW for record in whole)
    due = [(whole[last]["ts"] - NOW).total_seconds() for last in (49, 99, 149)]
    assert pauses == pytest.approx(due, abs=0.01)
