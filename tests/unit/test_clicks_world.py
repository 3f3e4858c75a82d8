"""The made-up shop: the same seed, the same clicks; bots differ from people; users go first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from flaskapp.clicks import traffic
from lakehouse.clock import SystemClock
from lakehouse.domains.clicks import names, world
from lakehouse.domains.clicks.contracts import PAGES
from lakehouse.domains.clicks.world import Visitor
from lakehouse.schema_registry import avro_schemas

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Box:
    """Takes messages and schemas, and keeps them."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str | bytes | None, str | bytes]] = []
        self.is_delivered = False
        self.users: Sequence[Visitor] = ()

    def send(self, topic: str, key: str | bytes | None, value: str | bytes) -> None:
        self.sent.append((topic, key, value))

    def deliver(self) -> None:
        self.is_delivered = True

    def register_users(self, crowd: traffic.Crowd) -> Sequence[Visitor]:
        assert not self.sent
        self.users = crowd(4_000)
        return self.users

    def register(self, subject: str, schema: avro_schemas.Schema) -> int:
        assert (subject, schema) == ("events-value", traffic.SCHEMA)
        return 7


def test_the_same_seed_gives_the_same_visitors_and_clicks_in_order() -> None:
    crowd = world.visitors(50, 0.2, seed=3)
    assert crowd == world.visitors(50, 0.2, seed=3)
    assert crowd != world.visitors(50, 0.2, seed=4)
    found = list(world.clicks(crowd, START, HOUR, seed=3))
    assert found == list(world.clicks(crowd, START, HOUR, seed=3))
    assert [click.ts for click in found] == sorted(click.ts for click in found)
    assert {click.event for click in found} <= set(PAGES)
    assert all(START <= click.ts < START + HOUR for click in found)


def test_ids_are_different_and_bots_of_both_kinds_are_among_them() -> None:
    crowd = world.visitors(100, 0.1, seed=1)
    assert len({one.id for one in crowd}) == 100
    assert Counter(one.kind for one in crowd) == {"person": 90, "bot": 7, "pretender": 3}


@pytest.mark.parametrize(("kind", "pace"), [("bot", 10.0), ("pretender", 1.2)])
def test_bots_click_more_and_hardly_look_at_pictures(kind: world.Kind, pace: float) -> None:
    crowd = world.visitors(300, 0.5, seed=2)
    kinds = {str(one.id): one.kind for one in crowd}
    counts, pictures = Counter[world.Kind](), Counter[world.Kind]()
    for click in world.clicks(crowd, START, HOUR, seed=2):
        counts[kinds[click.user_id]] += 1
        pictures[kinds[click.user_id]] += click.event == "product_gallery"
    heads = Counter(kinds.values())
    assert counts[kind] / heads[kind] > pace * counts["person"] / heads["person"]
    assert pictures[kind] / counts[kind] < 0.5 * pictures["person"] / counts["person"]


def test_users_are_known_before_their_clicks_and_everything_is_delivered() -> None:
    box = Box()
    sent = traffic.send(
        traffic.Traffic(10, 0.2, 30, seed=1), box.register_users, box, box, SystemClock()
    )
    assert {topic for topic, _, _ in box.sent} == {names.TOPIC_EVENTS}
    assert {key for _, key, _ in box.sent} <= {str(one.id) for one in box.users}
    assert (sent.clicks, sent.users, sent.bots) == (len(box.sent), 10, 2)
    assert (len(box.users), box.users[0].id, box.is_delivered) == (10, 4_000, True)
    _, key, value = box.sent[-1]
    assert isinstance(value, bytes)
    assert avro_schemas.schema_id(value) == 7
    record = avro_schemas.read(value, traffic.SCHEMA)
    assert (record["user_id"], record["ts"].tzinfo) == (key, UTC)
    assert sent.last is not None
    assert abs(record["ts"] - sent.last) < timedelta(milliseconds=1)


def test_kinds_are_those_of_the_visitors_who_come_one_by_one_too() -> None:
    crowd = world.visitors(50, 0.4, seed=3)
    assert world.kinds(50, 0.4, seed=3) == [one.kind for one in crowd]
    assert list(world.drawn(50, 0.4, seed=3)) == crowd
