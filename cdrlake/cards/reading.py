"""Messages of `topic_1` as the stream service reads them: with ingest's rules and its reasons."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from lakehouse.clock import Clock
from lakehouse.domains.cards import messages
from lakehouse.domains.cards.domain import TRANSACTIONS
from lakehouse.domains.cards.messages import Incoming
from lakehouse.domains.settings import Settings
from pyspark_jobs.ingest.rules import MOMENTS_AHEAD, Rules
from pyspark_jobs.ingest.validation import validate
from serving.stream_description import Refused

RENEW = timedelta(minutes=1)


class Reader:
    """Reads plainly good messages fast, and has all others judged by ingest's own validation.

    Lateness alone is not judged here: an alarm may be right about a transaction that the lake takes
    for too late.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self._renew()

    def __call__(self, raw: bytes | None) -> Sequence[Incoming] | Refused:
        """The transactions in a message, or why it is refused."""
        if raw is not None and len(raw) <= self._rules.max_bytes:
            found = messages.read_fast(raw, self._rules.now + MOMENTS_AHEAD)
            if found is not None:
                return (found,)
        if self._clock.now() - self._rules.now > RENEW:
            self._renew()
        result = validate(raw, self._rules)
        if result.violations:
            return Refused(result.reasons, result.detail)
        return [messages.from_validated(row) for row in result.rows]

    def _renew(self) -> None:
        limits, timezone = self._settings.cards, self._settings.timezone
        self._rules = Rules.of(TRANSACTIONS, limits, timezone, self._clock.now())
