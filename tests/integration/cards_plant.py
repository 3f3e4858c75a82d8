"""Cards in tests: a model that is put together by hand, transactions, and a door in a thread."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from confluent_kafka.admin import AdminClient

from cdrlake.cards import door
from flaskapp.cards.world.world import World
from lakehouse import kafka
from lakehouse.clock import SystemClock
from lakehouse.domains.cards import CARDS, features, names
from lakehouse.domains.settings import Settings
from lakehouse.models.bundle import Bundle
from lakehouse.models.linear import LinearModel, LinearScorer
from lakehouse.publisher import Publisher
from lakehouse.registry import ModelVersion
from lakehouse.registry.standing import Standing
from tests.integration.conftest import wait_for

START = datetime(2026, 1, 1, tzinfo=UTC)
WEIGHTS = {"amount": 0.01, "count_1h": 0.8, "km_from_last": 0.01, "new_merchant": 0.5}
MODEL = LinearModel(
    features=features.NAMES,
    coefficients=tuple(WEIGHTS.get(name, 0.0) for name in features.NAMES),
    intercept=-4.0,
    mean=(0.0,) * len(features.NAMES),
    scale=(1.0,) * len(features.NAMES),
    threshold=0.5,
)


class Plant:
    """Topics, and consumers that begin at their beginning; snapshots are those of one test.

    Topics are shared by all tests: each sends a world of its own, told apart by its seed.
    """

    def __init__(self, settings: Settings, folder: Path) -> None:
        cards = settings.cards.model_copy(update={"snapshot_dir": str(folder / "state")})
        self.settings = settings.model_copy(update={"cards": cards})

    def __enter__(self) -> Settings:
        """Create what is missing, and forget how far the recorder and the alarms have read."""
        kafka.create_topics(self.settings.kafka, CARDS.topics)
        admin = AdminClient(kafka.client_options(self.settings.kafka))
        groups = [names.GROUP_RECORD, names.GROUP_ALARMS, "alarms-test"]
        for gone in admin.delete_consumer_groups(groups).values():
            gone.exception(30)
        return self.settings

    def __exit__(self, *_: object) -> None:
        """Leave everything as it is."""


def version(number: int) -> ModelVersion:
    """A champion with that number."""
    return ModelVersion(
        number=number, run_id="run", created_at=START, manifest_sha256="0" * 64,
        score_from=START.date(), metric="pr_auc", figure="", promoted_at=START, approved_by=None,
        verdicts=(), alias="champion",
    )  # fmt: skip


@dataclass
class Versions:
    """A registry with one champion; `away` makes it raise, `broken` makes the model unloadable."""

    number: int = 1
    away: bool = False
    broken: bool = False

    def standing(self) -> Standing:
        """The champion alone."""
        if self.away:
            raise ConnectionError("the registry is away")
        return Standing({self.number: version(self.number)}, champion=self.number)

    def load(self, _: ModelVersion) -> Bundle:
        """As much of a bundle as the door reads."""
        if self.broken:
            raise ValueError("not the registered bytes")
        papers = SimpleNamespace(recipe={})
        return cast(Bundle, SimpleNamespace(scorer=LinearScorer(MODEL), manifest=papers))


def rows(cards: int, days: float, seed: int = 1) -> list[dict[str, Any]]:
    """Transactions of a small world, in the order of their times."""
    world = World(cards, seed=seed, start=START)
    return [one.row for one in world.transactions(days)]


def send(settings: Settings, messages: Sequence[dict[str, Any] | bytes]) -> None:
    """Write transactions, or raw bytes, to `topic_1`."""
    publisher = Publisher(settings.kafka)
    for one in messages:
        if isinstance(one, bytes):
            publisher.send(names.TOPIC_TRANSACTIONS, None, one)
        else:
            publisher.send(names.TOPIC_TRANSACTIONS, one["cc_num"], json.dumps(one))
    publisher.deliver()


def received(settings: Settings, topic: str) -> list[Any]:
    """All messages of a topic."""
    found: list[Any] = []
    kafka.read_all(settings.kafka, topic, found.append)
    return found


def decided(
    settings: Settings, sent: Sequence[dict[str, Any]] | None = None
) -> dict[str, dict[str, Any]]:
    """The first decision on each transaction, or on each of those that were sent."""
    found: dict[str, dict[str, Any]] = {}
    ids = None if sent is None else {row["trans_num"] for row in sent}
    for message in received(settings, names.TOPIC_DECISIONS):
        key = (message.key() or b"").decode()
        if key and (ids is None or key in ids):
            found.setdefault(key, json.loads(message.value()))
    return found


def of(settings: Settings, sent: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """All decisions on some transactions, in the order of the topic."""
    ids = {row["trans_num"] for row in sent}
    found = (json.loads(one.value()) for one in received(settings, names.TOPIC_DECISIONS)
             if one.key() and one.key().decode() in ids)  # fmt: skip
    return list(found)


def wait_for_decisions(settings: Settings, sent: Sequence[dict[str, Any]]) -> None:
    """Wait until all of these transactions are decided, some perhaps more than once."""
    ids = {row["trans_num"] for row in sent}
    wait_for(
        lambda: {one["trans_num"] for one in of(settings, sent)} == ids, f"{len(ids)} decisions"
    )


@contextmanager
def deciding(settings: Settings, versions: Versions | None = None) -> Iterator[Any]:
    """A door that runs in a thread; what it raises is raised at the end."""
    stop, failed = threading.Event(), list[BaseException]()
    made = door.build(settings, versions or Versions(), SystemClock())

    def run() -> None:
        try:
            made.run(stop)
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield made
    finally:
        stop.set()
        thread.join(60)
    assert not thread.is_alive()
    if failed:
        raise failed[0]
