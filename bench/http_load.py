"""A client that keeps connections busy: as many as asked, the next request after each answer."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial

import httptools
import numpy as np
import uvloop


@dataclass
class Load:
    """What came back: statuses, and milliseconds of each answer of 200."""

    statuses: Counter[int] = field(default_factory=Counter)
    milliseconds: list[float] = field(default_factory=list)
    seconds: float = 0.0
    lost: int = 0

    @property
    def good(self) -> int:
        """Answers of 200."""
        return self.statuses[200]

    def percentile(self, percent: float) -> float:
        """Milliseconds within which that share of good answers came."""
        return float(np.percentile(self.milliseconds, percent)) if self.milliseconds else np.inf


def request(path: str, body: bytes, token: str) -> bytes:
    """A POST, ready to be sent."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def run(port: int, data: bytes, connections: int, seconds: float) -> Load:
    """Keep that many connections busy for so long."""
    return uvloop.run(_run(port, data, connections, seconds))


async def _run(port: int, data: bytes, connections: int, seconds: float) -> Load:
    load, loop = Load(), asyncio.get_running_loop()
    until = time.perf_counter() + seconds
    began = time.perf_counter()
    clients = [_Client(data, until, load) for _ in range(connections)]
    await asyncio.gather(
        *(loop.create_connection(partial(_itself, one), "127.0.0.1", port) for one in clients)
    )
    await asyncio.wait([one.done for one in clients], timeout=seconds + 30)
    load.seconds = time.perf_counter() - began
    for one in clients:
        one.close()
    return load


def _itself(client: _Client) -> _Client:
    return client


class _Client(asyncio.Protocol):
    def __init__(self, data: bytes, until: float, load: Load) -> None:
        self._data, self._until, self._load = data, until, load
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._sent = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self._transport = transport  # type: ignore[assignment]
        self._send()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        self._load.statuses[status] += 1
        now = time.perf_counter()
        if status == 200:
            self._load.milliseconds.append((now - self._sent) * 1_000)
        if now < self._until:
            asyncio.get_running_loop().call_soon(self._send)
        elif not self.done.done():
            self.done.set_result(None)

    def connection_lost(self, _: Exception | None) -> None:
        if not self.done.done():
            self._load.lost += 1
            self.done.set_result(None)

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()

    def _send(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        self._parser = httptools.HttpResponseParser(self)
        self._sent = time.perf_counter()
        self._transport.write(self._data)
