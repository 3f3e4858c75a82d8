"""The ASGI application: let in, find the route, answer; and what runs beside it."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Sequence

from lakehouse.settings import Settings
from serving.models import Hints
from serving.rest import catalogue, page
from serving.rest.door import Door
from serving.rest.errors import RestError, retry_later
from serving.rest.exchange import Exchange, Receive, Scope, Send
from serving.rest.gate import Gate
from serving.rest.lane import OVERLOAD, Lane
from serving.rest.routes import Route, Router, require_known

# What the protocol notes in the scope of a request that comes on top of too many others.
SHED = "cdrlake.shed"
# Its own id, in the scope of a request that the gate has let in already.
ADMITTED = "cdrlake.admitted"


class App:
    """The service.

    `extra` are routes of domains, and `hints` what notices that the registry has changed.
    """

    def __init__(
        self,
        door: Door,
        settings: Settings,
        extra: Sequence[Route] = (),
        hints: Sequence[Hints] = (),
    ) -> None:
        self._door, self._gate, self._clock = door, Gate(settings, door.clock), door.clock
        self.lane = Lane(door, self._gate)
        self._stop = threading.Event()
        routes = [*catalogue.routes(), *extra]
        self._router = Router([*routes, *page.routes(routes, self._gate)])
        self._hints = hints

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if scope["type"] != "http":
            return
        exchange = Exchange(scope, receive, send, self._clock)
        label = "none"
        try:
            if SHED in scope:
                self._door.metrics.refused("overload")
                raise retry_later(503, OVERLOAD)
            route, exchange.path = self._router.find(scope["method"], scope["path"])
            label = route.path
            if ADMITTED in scope:
                exchange.identify(scope[ADMITTED])
            else:
                own = self._gate.admit(scope["headers"], route.access, route.acts)
                exchange.identify(own)
            if scope["query_string"]:
                require_known(route, exchange.query())
            await route.handler(self._door, exchange)
        except Exception as error:  # every error is an answer
            await self._fail(exchange, error)
        self._door.metrics.answered(label, exchange.status, exchange.seconds)

    async def _fail(self, exchange: Exchange, error: Exception) -> None:
        if exchange.status:  # it has been answered; what failed came after
            raise error
        if not exchange.request_id:
            exchange.identify(None)
        if isinstance(error, RestError) and error.status == 429:
            self._door.metrics.refused("rate")
        await exchange.fail(error)

    async def _live(self, receive: Receive, send: Send) -> None:
        """Ask the registry before the first request, and end what runs beside after the last."""
        await receive()
        await asyncio.to_thread(self._door.models.refresh)
        poll_s = self._door.settings.poll_seconds
        self._door.models.keep_fresh(self._stop, poll_s, self._hints)
        self._door.log.start()
        # What is there by now stays; looking through it again and again would hold requests up.
        gc.freeze()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._stop.set()
        self._door.models.hint()
        await asyncio.to_thread(self._door.log.close)
        await send({"type": "lifespan.shutdown.complete"})
