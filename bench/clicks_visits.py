"""Users who register, change and leave, and click meanwhile, whatever is down at the moment."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from random import Random
from types import TracebackType

from flaskapp.clicks import traffic
from lakehouse import mysql, store
from lakehouse.clock import SystemClock
from lakehouse.domains.clicks import names
from lakehouse.domains.clicks.contracts import COUNTRIES, PAGES, PLATFORMS
from lakehouse.domains.clicks.world import Click
from lakehouse.domains.settings import Settings
from lakehouse.errors import CdrlakeError
from lakehouse.names import table_uri
from lakehouse.publisher import Publisher
from lakehouse.schema_registry.client import Address, SchemaClient

PAUSE_S, CLICKS, DELIVER_S = 0.5, 10, 5.0
FIRST, LEAVES, ALIVE = 50_000, 0.1, 40
_INSERT = f"INSERT INTO {names.MYSQL_USERS} VALUES (%s, %s, %s, %s, %s, %s)"
_UPDATE = f"UPDATE {names.MYSQL_USERS} SET nb_orders = %s WHERE id = %s"
_DELETE = f"DELETE FROM {names.MYSQL_USERS} WHERE id = %s"


@dataclass
class Visits:
    """Context manager over a thread that changes users and sends clicks until it is stopped.

    `changes` are the orders of each user in the order in which the database has confirmed them,
    with None for its deletion; `sent` counts the clicks that Kafka has confirmed.
    """

    settings: Settings
    seed: int
    changes: list[tuple[int, int | None]] = field(default_factory=list)
    sent: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Visits:
        self._thread = threading.Thread(target=self._run, name="visits")
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    def end(self) -> None:
        """Send nothing more."""
        self.stop.set()
        self._thread.join()

    def arrived(self) -> int:
        """Clicks in the lake."""
        uri = table_uri(self.settings.lake_uri, names.BRONZE_EVENTS)
        return store.count(uri, self.settings.lake_options)

    def _run(self) -> None:
        random, clock = Random(self.seed), SystemClock()
        alive, number = [1, 2], FIRST
        while not clock.wait(self.stop, PAUSE_S):
            number += 1
            # What is down comes back; what was not confirmed may have happened all the same.
            with suppress(CdrlakeError, mysql.Error):
                self._change(random, alive, number)
            with suppress(CdrlakeError):
                self.sent += self._click(random, alive, clock)

    def _change(self, random: Random, alive: list[int], number: int) -> None:
        """One user registers, one orders, and now and then one leaves."""
        user = (f"User {number}", random.choice(PLATFORMS), random.choice(COUNTRIES), "10.0.0.1")
        self._execute(_INSERT, (number, *user, 0), (number, 0))
        alive.append(number)
        chosen = random.choice(alive)
        self._execute(_UPDATE, (number, chosen), (chosen, number))
        if len(alive) > ALIVE or random.random() < LEAVES:
            gone = alive.pop(random.randrange(len(alive)))
            self._execute(_DELETE, (gone,), (gone, None))

    def _execute(
        self, statement: str, values: tuple[object, ...], change: tuple[int, int | None]
    ) -> None:
        with mysql.connect(self.settings.mysql) as connection:
            with mysql.transaction(connection) as cursor:
                cursor.execute(statement, values)
            self.changes.append(change)

    def _click(self, random: Random, alive: list[int], clock: SystemClock) -> int:
        write = traffic.writer(SchemaClient(Address.of(self.settings)))
        publisher, now = Publisher(self.settings.kafka), clock.now()
        for number in range(CLICKS):
            moment = now.replace(microsecond=0) + timedelta(
                milliseconds=now.microsecond // 1_000 + number
            )
            click = Click(str(random.choice([*alive, 99])), moment, random.choice(PAGES))
            publisher.send(names.TOPIC_EVENTS, click.user_id, write(asdict(click)))
        publisher.deliver(DELIVER_S)
        return CLICKS
