"""From the source to `topic_1`: polled, normalised, kept on disk, and sent in order."""

from __future__ import annotations

import logging
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from urllib.parse import urlsplit

from pydantic import SecretStr

from flaskapp.cards.unsent import Unsent, Waiting
from lakehouse.clock import Clock
from lakehouse.domains.cards import names
from lakehouse.domains.cards.normalise import normalise
from lakehouse.errors import AccessError, ServiceError, SourceError, TooLargeError
from lakehouse.pace import Pace
from lakehouse.publisher import Publisher
from lakehouse.retry import Backoff

LOG = logging.getLogger(__name__)
Fetch = Callable[[], bytes | None]
LOT, DELIVER_S, IDLE_S, TIMEOUT_S = 1_000, 15.0, 0.2, 10.0
MAX_BODY = 16 << 20


@dataclass
class Sent:
    """What the producer has done since it started."""

    polled: int = 0
    queued: int = 0
    sent: int = 0
    set_aside: int = 0
    source_failures: int = 0
    broker_failures: int = 0


class Producer:
    """Reads a source and writes `topic_1`; each goes on while the other is away.

    A message is on disk before it is sent, and leaves the disk once the broker has acknowledged it.
    After a crash in between it is sent again; readers know it by its `trans_num`. One that is too
    large for the broker is set aside, so that those behind it are not held up.
    """

    def __init__(
        self, fetch: Fetch, unsent: Unsent, publisher: Publisher, clock: Clock, pace: Pace
    ) -> None:
        self._fetch, self._unsent, self._publisher = fetch, unsent, publisher
        self._clock, self._pace = clock, pace
        self.counts = Sent()

    def run(self, stop: threading.Event, poll_s: float) -> None:
        """Poll every `poll_s` seconds and send, until `stop`.

        Raises `AccessError` when the broker refuses this client.
        """
        backoff = Backoff(self._clock, stop)
        next_at = self._clock.monotonic()
        while not stop.is_set():
            if self._clock.monotonic() >= next_at:
                next_at = self._clock.monotonic() + poll_s
                self.poll()
            try:
                moved = self.send()
                backoff.reset()
            except AccessError:
                raise
            except ServiceError as error:
                self.counts.broker_failures += 1
                LOG.warning("%d messages wait on disk: %s", len(self._unsent), error)
                backoff.wait()
                continue
            if not moved:
                left = max(next_at - self._clock.monotonic(), 0)
                self._clock.wait(stop, min(left, IDLE_S))

    def poll(self) -> int:
        """Ask the source once; the number of messages kept for sending, 0 if it does not answer."""
        try:
            body = self._fetch()
        except SourceError as error:
            self.counts.source_failures += 1
            LOG.warning("%s", error)
            return 0
        self.counts.polled += 1
        messages = [] if body is None else normalise(body)
        if messages:
            self._unsent.add(messages)
        self.counts.queued += len(messages)
        return len(messages)

    def send(self) -> int:
        """Send what is waiting, as far as the pace allows; how many messages were handled.

        Raises `ServiceError` when the broker does not acknowledge them; they are kept.
        """
        waiting = self._unsent.first(self._pace.allowed(LOT))
        if not waiting:
            return 0
        try:
            self._deliver(waiting)
        except TooLargeError:
            self._publisher.drop()
            for one in waiting:  # each alone, for nobody has said which one it was
                self._deliver_or_set_aside(one)
        self._pace.spent(len(waiting))
        return len(waiting)

    def _deliver(self, some: Sequence[Waiting]) -> None:
        for one in some:
            self._publisher.send(names.TOPIC_TRANSACTIONS, one.message.key, one.message.value)
        self._publisher.deliver(DELIVER_S)
        self._unsent.sent(some[-1].number)
        self.counts.sent += len(some)

    def _deliver_or_set_aside(self, one: Waiting) -> None:
        try:
            self._deliver([one])
        except TooLargeError as error:
            size = len(one.message.value)
            LOG.error("message %d of %d bytes is set aside: %s", one.number, size, error)
            self._unsent.set_aside(one.number, str(error))
            self.counts.set_aside += 1


def over_http(url: str, token: SecretStr | None = None) -> Fetch:
    """Fetches from a source over HTTP, with a bearer token if it needs one.

    Returns None when it says that it is asked too often; raises `SourceError` when it is away or
    its answer does not arrive whole.
    """

    def fetch() -> bytes | None:
        try:
            request = urllib.request.Request(url)  # noqa: S310
            if token is not None:
                bearer = f"Bearer {token.get_secret_value()}"
                request.add_unredirected_header("Authorization", bearer)
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
                body: bytes = answer.read(MAX_BODY + 1)
                missing = getattr(answer, "length", None)  # bytes that were announced
        except urllib.error.HTTPError as error:
            if error.code == 429:
                return None
            raise _away(url, f"status {error.code}") from None
        except OSError as error:
            raise _away(url, str(error)) from None
        except (HTTPException, ValueError) as error:  # their texts repeat the address
            raise _away(url, type(error).__name__) from None
        if len(body) > MAX_BODY:
            raise _away(url, f"more than {MAX_BODY:,} bytes")
        if missing:
            raise _away(url, f"an answer that ends {missing:,} bytes too early")
        return body

    return fetch


def _away(url: str, got: str) -> SourceError:
    return SourceError(_shown(url), "transactions", got, "it is asked again at the next poll")


def _shown(url: str) -> str:
    """The address without its user and its query, which may hold a key.

    >>> _shown("https://me:secret@source.test:8443/now?api_key=secret")
    'https://source.test:8443/now'
    """
    try:
        found = urlsplit(url)
    except ValueError:
        return "cards.source_url"
    return f"{found.scheme}://{found.netloc.rpartition('@')[2]}{found.path}"
