"""From `topic_2` to the database: one row for each transaction, whatever is sent twice.

While the database is away, reading waits; decisions and alarms do not. An offset is committed after
the transaction that holds its rows. A message that breaks the contract, and a row with a value that
the database refuses, are logged, counted and left out.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from lakehouse import mysql
from lakehouse.clock import Clock
from lakehouse.domains.cards import contracts, names
from lakehouse.domains.cards.messages import DecisionRow, read_decision
from lakehouse.domains.settings import Settings
from lakehouse.kafka_access import Access
from lakehouse.pace import Pace
from lakehouse.retry import Backoff

LOG = logging.getLogger(__name__)
LOT, POLL_S = 500, 0.2
OWN = ("score", "decision", "expected_loss", "model_version", "predicted_at", "features")
DRAWN = ("verify_chance", "drawn")
COLUMNS = (*contracts.COLUMNS, *OWN, *DRAWN)
_NAMES = ", ".join(f"`{name}`" for name in COLUMNS)
_MARKS = ", ".join(["%s"] * len(COLUMNS))
_ID = COLUMNS.index("trans_num")
# The first decision counts; another one of the same transaction changes nothing.
INSERT = (
    f"INSERT INTO {names.MYSQL_TABLE} ({_NAMES}) VALUES ({_MARKS}) "  # noqa: S608
    "ON DUPLICATE KEY UPDATE trans_num = trans_num"
)


class Recorder:
    """Writes decisions to the database, as a member of a consumer group."""

    def __init__(self, settings: Settings, clock: Clock, stop: threading.Event) -> None:
        self._settings, self._clock, self._stop = settings, clock, stop
        self._pace = Pace(settings.cards.record_rate, clock)
        self._access = Access(settings.kafka)
        self._topic = settings.kafka.topic(names.TOPIC_DECISIONS)
        self._backoff = Backoff(clock, stop, longest_s=2.0)
        self._generation = 0
        self.recorded, self.unreadable, self.refused, self.outages = 0, 0, 0, 0
        self._consumer = Consumer(
            self._access.options
            | {
                "group.id": names.GROUP_RECORD,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "session.timeout.ms": 10_000,
            }
        )

    def run(self) -> None:
        """Record until told to stop. Raises `AccessError` when the broker refuses this client."""
        try:
            with self._access.checked():
                self._consumer.subscribe(
                    [self._topic], on_assign=self._moved, on_revoke=self._moved
                )
            while not self._stop.is_set():
                with self._access.checked():
                    self._turn()
                self._access.check()
        finally:
            self._consumer.close()

    def _turn(self) -> None:
        allowed = self._pace.allowed(LOT)
        if not allowed:
            self._clock.wait(self._stop, POLL_S / 4)
            return
        messages = [one for one in self._consumer.consume(allowed, POLL_S) if _is_good(one)]
        if not messages:
            return
        generation = self._generation
        rows = list(self._rows(messages))
        while not self._stop.is_set() and not self._written(rows):
            self._wait()
            if generation != self._generation:
                return  # whoever has these partitions now reads the messages again
        if not self._stop.is_set():
            self._commit(messages)
            self._pace.spent(len(messages))

    def _written(self, rows: Sequence[tuple[Any, ...]]) -> bool:
        try:
            with mysql.connect(self._settings.mysql) as connection:
                written = insert(connection, rows)
        except Exception as error:
            if not mysql.is_outage(error):
                raise
            self.outages += 1
            LOG.warning("%d decisions wait for the database: %s", len(rows), error)
            return False
        self.recorded += written
        self.refused += len(rows) - written
        self._backoff.reset()
        return True

    def _wait(self) -> None:
        """Wait for the database as a member of the group, which has to be heard from."""
        held = self._consumer.assignment()
        self._consumer.pause(held)
        self._backoff.wait()
        self._consumer.poll(0)
        still = self._consumer.assignment()
        self._consumer.resume(still)

    def _commit(self, messages: Iterable[Message]) -> None:
        ends = {one.partition() or 0: (one.offset() or 0) + 1 for one in messages}
        places = [TopicPartition(self._topic, *place) for place in ends.items()]
        try:
            self._consumer.commit(offsets=places, asynchronous=False)
        except KafkaException as error:
            # The rows are there; that they are read again changes nothing.
            LOG.warning("offsets are not committed: %s", error)

    def _rows(self, messages: Iterable[Message]) -> Iterable[tuple[Any, ...]]:
        for one in messages:
            try:
                yield row(read_decision(one.value() or b""), self._settings.cards.verify_share)
            except (ValueError, OverflowError) as error:
                self.unreadable += 1
                LOG.warning("%s/%s is no decision: %s", one.partition(), one.offset(), error)

    def _moved(self, _: Consumer, __: list[TopicPartition]) -> None:
        self._generation += 1


def insert(connection: Any, rows: Sequence[tuple[Any, ...]]) -> int:
    """Write rows; how many there are now of those that are not refused for a value.

    If the database refuses one of several, each is written by itself.
    """
    try:
        with mysql.transaction(connection) as cursor:
            cursor.executemany(INSERT, rows)
    except mysql.ValueErrors as error:
        if len(rows) > 1:
            return sum(insert(connection, [one]) for one in rows)
        LOG.warning("the decision on %s is left out: %s", rows[0][_ID], error)
        return 0
    return len(rows)


def row(decision: DecisionRow, verify_share: float) -> tuple[Any, ...]:
    """A decision as values of the table's columns.

    Raises `ValueError` or `OverflowError` for a time that the calendar does not have.
    """
    chance = verify_chance(bool(decision.is_fraud), decision.score, verify_share)
    values = msgspec.structs.asdict(decision) | {
        "trans_date_trans_time": _utc(datetime.fromisoformat(decision.trans_date_trans_time)),
        "predicted_at": _utc(decision.predicted_at),
        "features": json.dumps(decision.features),
        "verify_chance": chance,
        "drawn": is_drawn(decision.trans_num, chance),
    }
    return tuple(values[name] for name in COLUMNS)


def _utc(moment: datetime) -> datetime:
    """The moment as the database keeps it: in UTC, and without saying so."""
    return (moment.astimezone(UTC) if moment.tzinfo else moment).replace(tzinfo=None)


def verify_chance(is_flagged: bool, score: float, share: float) -> float:
    """How likely a transaction is to be looked at: always if flagged, else by its score.

    Of those that are not flagged, `share` is drawn, more of those with a higher score: the chance
    is the greater of `share` and a quarter of the score, so that it is never 0.

    >>> verify_chance(True, 0.9, 0.01)
    1.0
    >>> verify_chance(False, 0.3, 0.01)
    0.075
    """
    return 1.0 if is_flagged else min(1.0, max(share, 0.25 * score))


def is_drawn(trans_num: str, chance: float) -> bool:
    """Whether the plan draws this transaction: by a hash of its id, so the same every time.

    >>> is_drawn("a", 1.0), is_drawn("a", 0.0)
    (True, False)
    """
    digest = hashlib.blake2b(trans_num.encode(), digest_size=8, person=b"verify").digest()
    return int.from_bytes(digest) < chance * 2**64


def _is_good(message: Message) -> bool:
    error = message.error()
    if error is None:
        return True
    if error.code() == KafkaError._PARTITION_EOF or error.retriable():
        return False
    raise KafkaException(error)
