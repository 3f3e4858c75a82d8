"""Known subscribers, for installations that accept no other events."""

from __future__ import annotations

from lakehouse import mysql
from lakehouse.clock import Clock
from lakehouse.domains.cdr import names
from lakehouse.errors import UnreachableError
from lakehouse.settings.model import MysqlSettings

KEEP_S = 30.0
_COUNT = f"SELECT COUNT(*) FROM {names.MYSQL_SUBSCRIBERS}"  # noqa: S608
_ALL = f"SELECT DP_MSISDN FROM {names.MYSQL_SUBSCRIBERS}"  # noqa: S608


class KnownSubscribers:
    """The numbers in MySQL's table of subscribers, which only ever grows."""

    def __init__(self, settings: MysqlSettings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self._numbers: frozenset[str] = frozenset()
        self._asked_at: float | None = None

    def listed(self) -> frozenset[str]:
        """Everyone listed, at most `KEEP_S` seconds out of date.

        While the database is down, the last list is used; if there is none, `UnreachableError` is
        raised.
        """
        now = self._clock.monotonic()
        if self._asked_at is not None and now - self._asked_at < KEEP_S:
            return self._numbers
        try:
            with mysql.connect(self._settings) as connection, connection.cursor() as cursor:
                cursor.execute(_COUNT)
                if cursor.fetchone()[0] != len(self._numbers):
                    cursor.execute(_ALL)
                    self._numbers = frozenset(row[0] for row in cursor.fetchall())
        except (mysql.Error, UnreachableError):
            if self._asked_at is None:
                raise
        self._asked_at = now
        return self._numbers
