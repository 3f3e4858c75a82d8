"""The alarm path of cards as processes, source to database, to take parts away from."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bench.alarm_model import scorer
from bench.champion import crown_with
from bench.stand import scratch
from cdrlake import schema, secrets
from cdrlake.cards import door
from cdrlake.services import jars
from cdrlake.services.kafka import KafkaBroker
from cdrlake.services.mysql import MySqlServer
from cdrlake.services.ports import free_ports
from cdrlake.services.process import Child, Command
from cdrlake.waiting import patiently
from cdrlake.watch import Watch
from flaskapp.cards import stations
from lakehouse import kafka, mysql
from lakehouse.clock import SystemClock
from lakehouse.domains.cards import CARDS, names
from lakehouse.domains.cards.domain import FRAUD
from lakehouse.domains.settings import Settings, load
from lakehouse.errors import CdrlakeError
from lakehouse.registry import open_registry
from lakehouse.settings import ROOT

SERVERS, REGISTRY, SOURCE = ("mysql", "kafka"), "registry", "cards-source"
SERVICES = {one.name: one.module for one in CARDS.services
            if not one.job and one.name != "cards-page"}  # fmt: skip
# The parts that are taken away, by the name of their process.
PARTS = {"source": SOURCE, "broker": "kafka", "database": "mysql", "registry": REGISTRY,
         "decision service": "cards-door"}  # fmt: skip
PATIENCE_S = 300.0


class Line(Watch):
    """The running processes of one installation."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(SystemClock())
        self.settings = settings
        self._registry = Path(settings.tracking_uri.removeprefix("sqlite:///"))

    def start(self) -> None:
        """Start servers and services, with a champion and all topics."""
        settings, java = self.settings, jars.find_java()
        found = jars.resolve(settings.cache, ROOT / "conf", java, print)
        broker = KafkaBroker(settings.kafka, settings.state, found.kafka, java)
        database = MySqlServer(settings.mysql, settings.state, found.mariadb, settings.cache)
        self.keep("mysql", database.start)
        self.keep("kafka", broker.start)
        patiently(database.healthy, "the database to answer", PATIENCE_S)
        patiently(broker.healthy, "the broker to answer", PATIENCE_S)
        schema.ensure(settings)
        kafka.create_topics(settings.kafka, CARDS.topics)
        crown_with(open_registry(settings, FRAUD), scorer().model, self.clock.now().date())
        for name, module in SERVICES.items():
            self.keep(name, partial(self._child, name, module))

    def _child(self, name: str, module: str) -> Child:
        return Child(Command(name, [sys.executable, "-m", module], cwd=ROOT), self.settings.state)

    def without(self, part: str) -> None:
        """Take one of `PARTS` away."""
        if PARTS[part] != REGISTRY:
            self.take_away(PARTS[part])
            return
        self._registry.rename(self._aside)
        self._registry.mkdir()  # a file that is missing would be made anew, without versions

    def again(self, part: str) -> None:
        """Bring one of `PARTS` back."""
        if PARTS[part] != REGISTRY:
            self.restart(PARTS[part])
            return
        self._registry.rmdir()
        self._aside.rename(self._registry)

    @property
    def _aside(self) -> Path:
        return self._registry.with_suffix(".aside")

    def counts(self) -> dict[str, int | None]:
        """What each stage has done so far; None for what cannot be asked now."""
        settings = self.settings
        return {
            "collected": _number(settings.state / "cards" / "source.txt"),
            "on topic_1": _messages(settings, names.TOPIC_TRANSACTIONS),
            "decided": _decided(settings),
            "alarms": _messages(settings, names.TOPIC_ALARMS),
            "recorded": recorded(settings),
        }

    def is_level(self) -> bool:
        """Whether nothing waits anywhere."""
        left = stations.waiting(self.settings)
        return all(one == 0 for one in left.values())


@contextmanager
def line(cards: int) -> Iterator[Line]:
    """A line with a world of so many cards, all of it gone in the end."""
    ports = free_ports(4)
    with scratch() as folder:
        values = {
            "STATE_DIR": folder / "state",
            "KAFKA__PORT": ports[0],
            "KAFKA__CONTROLLER_PORT": ports[1],
            "MYSQL__PORT": ports[2],
            "CARDS__SOURCE_PORT": ports[3],
            "CARDS__SOURCE_ROWS": 20,
            "CARDS__POLL_SECONDS": 0.5,
            "CARDS__CARDS": cards,
            "CARDS__FRAUD_RATE": 0.1,
        }
        before = dict(os.environ)
        os.environ.update({f"CDRLAKE_{name}": str(value) for name, value in values.items()})
        try:
            with Line(secrets.ensure(load())) as made:
                made.start()
                yield made
        finally:
            os.environ.clear()
            os.environ.update(before)


def world_ids(settings: Settings) -> list[str]:
    """The ids that the source hands out, in its order: made again from the world's seed."""
    from flaskapp.cards.source import world_rows

    return [str(row["trans_num"]) for row in world_rows(settings, SystemClock())]


def recorded(settings: Settings) -> int | None:
    """Rows in the database."""
    try:
        with mysql.connect(settings.mysql) as connection, connection.cursor() as cursor:
            cursor.execute(f"SELECT COUNT(*) FROM {names.MYSQL_TABLE}")
            return int(cursor.fetchone()[0])
    except (CdrlakeError, mysql.Error):
        return None


def _messages(settings: Settings, topic: str) -> int | None:
    try:
        return kafka.message_count(settings.kafka, topic)
    except Exception:  # of any kind of client; the broker is away
        return None


def _number(path: Path) -> int | None:
    try:
        return int(path.read_bytes())
    except (OSError, ValueError):
        return None


def _decided(settings: Settings) -> int | None:
    place = settings.state / "stream" / f"{door.NAME}.json"
    try:
        return int(json.loads(place.read_bytes())["counts"].get("decided", 0))
    except (OSError, ValueError, KeyError):
        return None
