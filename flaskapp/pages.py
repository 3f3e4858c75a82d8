"""The page that starts, stops and watches a stream, and the counts it draws."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify, render_template

from flaskapp.world import PLANS
from lakehouse import ledger
from lakehouse.clock import Clock
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from flaskapp.app import Parts

FRESH_S = 1.0


class LedgerCache:
    """The ledger, counted at most once a second however many pages ask."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self._lock = threading.Lock()
        self._value: dict[str, Any] = {}
        self._expires = float("-inf")

    def get(self) -> dict[str, Any]:
        """Steps with their counts, and the checks."""
        with self._lock:
            if self._clock.monotonic() >= self._expires:
                self._value = ledger.snapshot(self._settings).as_dict()
                self._expires = self._clock.monotonic() + FRESH_S
            return self._value


def blueprint(parts: Parts) -> Blueprint:
    """The page's routes."""
    pages, cache = Blueprint("pages", __name__), LedgerCache(parts.settings, parts.clock)

    @pages.get("/")
    def index() -> str:
        limits = parts.settings.simulator
        return render_template("index.html", plans=sorted(PLANS), limits=limits)

    @pages.get("/ledger")
    def counts() -> Response:
        return jsonify(cache.get())

    return pages
