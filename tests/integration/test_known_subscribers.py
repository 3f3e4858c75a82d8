"""Events of unknown subscribers: who is known is asked of the database, and outages are borne."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cdrlake.services.ports import free_ports
from lakehouse import mysql
from lakehouse.clock import FixedClock
from lakehouse.domains.cdr import names
from lakehouse.domains.cdr.settings import CdrSettings
from lakehouse.domains.settings import Settings
from lakehouse.errors import UnreachableError
from pyspark_jobs.cdr import feeds
from pyspark_jobs.cdr.subscribers import KEEP_S, KnownSubscribers

pytestmark = pytest.mark.integration


def add(settings: Settings, *numbers: str) -> None:
    with mysql.connect(settings.mysql) as connection, connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {names.MYSQL_SUBSCRIBERS} (DP_MSISDN, activated_on) "
            "VALUES (%s, '2026-01-01')",
            [(number,) for number in numbers],
        )
        connection.commit()


def test_new_subscribers_are_known_after_a_while_and_outages_are_borne(fresh: Settings) -> None:
    clock = FixedClock(datetime(2026, 6, 1, tzinfo=UTC))
    known = KnownSubscribers(fresh.mysql, clock)
    add(fresh, "45000001")
    assert known.listed() == {"45000001"}
    add(fresh, "45000002")
    assert known.listed() == {"45000001"}
    clock.advance(KEEP_S)
    assert known.listed() == {"45000001", "45000002"}
    away = fresh.mysql.model_copy(update={"port": free_ports(1)[0]})
    known._settings = away
    clock.advance(KEEP_S)
    assert known.listed() == {"45000001", "45000002"}
    with pytest.raises(UnreachableError):
        KnownSubscribers(away, clock).listed()


def test_only_events_ask_for_the_subscriber_and_only_when_told_to() -> None:
    clock, told = (
        FixedClock(datetime(2026, 6, 1, tzinfo=UTC)),
        CdrSettings(known_subscribers_only=True),
    )
    asking = Settings(cdr=told)
    assert feeds.events(asking, clock).known is not None
    assert feeds.events(Settings(), clock).known is None
    assert feeds.outcomes(asking).known is None
