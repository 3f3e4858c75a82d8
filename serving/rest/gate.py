"""Who gets in: hosts, sites, keys, and how many requests of each client."""

from __future__ import annotations

import hmac
from functools import lru_cache

from lakehouse.clock import Clock
from lakehouse.http import hosts
from lakehouse.settings import Settings
from serving.rest.errors import RestError, retry_later

Headers = list[tuple[bytes, bytes]]
# The client that has api.token.
OWNER = "owner"
_NOBODY = "anyone"
_WANTED = frozenset(
    (b"host", b"authorization", b"x-api-key", b"origin", b"sec-fetch-site", b"x-request-id")
)
_CHALLENGE = {"WWW-Authenticate": "bearer"}


class Gate:
    """Checks a request's headers and counts it against its client's rate."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        serving, api = settings.serving, settings.api
        keys = {name: key.get_secret_value() for name, key in serving.api_keys.items()}
        if api.token is not None:
            keys[OWNER] = api.token.get_secret_value()
        self._keys = {name: key.encode() for name, key in keys.items()}
        self._open_metrics, self._open_health = api.open_metrics, api.open_health
        # Each process counts for itself, and gets its part of the requests.
        rate, burst = serving.requests_per_second / serving.workers, serving.burst / serving.workers
        self._rates = {
            name: Bucket(rate, max(burst, 1.0), clock) for name in (*self._keys, _NOBODY)
        }
        self._limits = rate > 0
        known = lru_cache(maxsize=64)(lambda host: hosts.is_known_host(host, api, serving.host))
        self._is_known_host = known

    @property
    def has_keys(self) -> bool:
        """Whether callers need a key."""
        return bool(self._keys)

    def needs_key(self, access: str) -> bool:
        """Whether a route with this access (data, open, health, metrics) needs a key."""
        is_open = {"open": True, "health": self._open_health, "metrics": self._open_metrics}
        return self.has_keys and not is_open.get(access, False)

    def admit(self, headers: Headers, access: str, acts: bool) -> str | None:
        """Let a request in; returns its own request id, if it brought one.

        Raises `RestError`: 403 for another host or site, 401 without a key, 429 above the rate.
        """
        found = {name: value for name, value in headers if name in _WANTED}
        host = found.get(b"host")
        if host is not None and not self._is_known_host(host.decode("latin-1")):
            text = "This host name is not allowed; see the setting api.allowed_hosts."
            raise RestError(403, text)
        if acts:
            self._require_own_site(found)
        client = self._client(found) if self.needs_key(access) else _NOBODY
        if self._limits and access == "data":
            seconds = self._rates[client].take()
            if seconds > 0:
                text = f"This client sends too many requests; try again in {seconds} s."
                raise retry_later(429, text, seconds)
        own = found.get(b"x-request-id")
        return own.decode("latin-1") if own is not None else None

    def _client(self, found: dict[bytes, bytes]) -> str:
        given = found.get(b"x-api-key")
        if given is None:
            scheme, _, token = found.get(b"authorization", b"").partition(b" ")
            given = token if scheme.lower() == b"bearer" else b""
        # All keys are compared, so that the time taken says nothing of which was close.
        matches = [name for name, key in self._keys.items() if hmac.compare_digest(given, key)]
        if not matches:
            text = "A client key is required, as a bearer token or in the header X-API-Key."
            raise RestError(401, text, headers=_CHALLENGE)
        return matches[0]

    @staticmethod
    def _require_own_site(found: dict[bytes, bytes]) -> None:
        origin, host = found.get(b"origin"), found.get(b"host", b"").decode("latin-1")
        site = found.get(b"sec-fetch-site", b"none").decode("latin-1")
        is_foreign = origin is not None and hosts.place_of(origin.decode("latin-1")) != host
        if is_foreign or site not in hosts.OWN_SITES:
            raise RestError(403, "Requests from other sites are rejected.")


class Bucket:
    """So many tokens a second, and never more than `size`; each request takes one.

    >>> from datetime import UTC, datetime
    >>> from lakehouse.clock import FixedClock
    >>> clock = FixedClock(datetime(2026, 1, 1, tzinfo=UTC))
    >>> bucket = Bucket(0.5, 1, clock)
    >>> bucket.take(), bucket.take()
    (0, 2)
    >>> clock.advance(2)
    >>> bucket.take()
    0
    """

    def __init__(self, rate: float, size: float, clock: Clock) -> None:
        self._rate, self._size, self._clock = rate, size, clock
        self._tokens, self._at = size, clock.monotonic()

    def take(self) -> int:
        """0 if there was a token, else the whole seconds until there is one."""
        now = self._clock.monotonic()
        self._tokens = min(self._size, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens >= 1:
            self._tokens -= 1
            return 0
        return max(1, int(-(-(1 - self._tokens) // self._rate)))
