"""A stream of clicks: its visitors' own clicks, dated as asked, and the same after a crash."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from flaskapp import streams
from flaskapp.clicks import sending, shop, traffic
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


def test_a_replay_holds_a_few_clicks_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    alive, most, draw = weakref.WeakSet[world.Click](), 0, world.clicks

    def watched(*asked: Any) -> Iterator[world.Click]:
        nonlocal most
        for click in draw(*asked):
            alive.add(click)
            most = max(most, len(alive))
            yield click

    monkeypatch.setattr(world, "clicks", watched)
    assert len(run(stream(mode="replay"))[0]) == 150
    assert most < 50


@dataclass
class Table:
    """A table of users that notes how many it is given at once."""

    rows: list[int] = field(default_factory=list)

    def execute(self, _: str) -> None: ...

    def fetchone(self) -> tuple[int]:
        return (8_000,)

    def executemany(self, _: str, rows: list[Any]) -> None:
        self.rows.append(len(rows))


def test_a_large_crowd_registers_in_parts_and_each_is_a_sign_of_life() -> None:
    table, signs = Table(), list[int]()
    crowd = shop.insert(
        table, lambda first: world.drawn(2_500, 0.1, 5, first), lambda: signs.append(1)
    )
    assert crowd == world.visitors(2_500, 0.1, 5, 8_001)
    assert (table.rows, len(signs)) == ([1_000, 1_000, 500], 3)
