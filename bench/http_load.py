"""A client that keeps connections busy: as many as asked, the next request after each answer.

Where wrk is installed it does that, since it takes next to nothing of the processor; it does not
tell statuses apart, so overload is measured by the client here.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from tempfile import NamedTemporaryFile

import httptools
import numpy as np
import uvloop

from lakehouse.children import die_with_parent

# wrk takes an answer that is slower for lost. Without wrk, connections that a server does not take,
# as waitress those beyond its hundredth, are given up after the other time.
PATIENCE_S, UNANSWERED_S = 600, 30
WRK = """
wrk.method = "POST"
wrk.body = {body}
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer {token}"
function done(summary, latency)
  local bad = summary.errors
  io.write(string.format('\\n{{"good": %d, "bad": %d, "lost": %d, "p50": %f, "p99": %f}}\\n',
    summary.requests - bad.status, bad.status, bad.connect + bad.read + bad.write + bad.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
"""


@dataclass
class Load:
    """What came back: statuses, and milliseconds of each answer of 200, or `told` percentiles."""

    statuses: Counter[int] = field(default_factory=Counter)
    milliseconds: list[float] = field(default_factory=list)
    seconds: float = 0.0
    lost: int = 0
    told: dict[int, float] = field(default_factory=dict)

    @property
    def good(self) -> int:
        """Answers of 200."""
        return self.statuses[200]

    def percentile(self, percent: float) -> float:
        """Milliseconds within which that share of good answers came."""
        if percent in self.told:
            return self.told[int(percent)]
        return float(np.percentile(self.milliseconds, percent)) if self.milliseconds else np.inf


def request(path: str, body: bytes, token: str) -> bytes:
    """A POST, ready to be sent."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def fastest(
    port: int, path: str, body: bytes, token: str, connections: int, seconds: float
) -> Load:
    """As `run`, by wrk if it is installed; other statuses than 200 count as 0 then."""
    wrk = shutil.which("wrk")
    if wrk is None:
        return run(port, request(path, body, token), connections, seconds)
    with NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(WRK.format(body=json.dumps(body.decode()), token=token))
        script.flush()
        spell = f"-d{max(round(seconds), 1)}s", f"--timeout={PATIENCE_S}s"
        command = [wrk, "-t1", f"-c{connections}", *spell, "-s"]
        url = f"http://127.0.0.1:{port}{path}"
        said = subprocess.run(
            [*command, script.name, url], check=True, capture_output=True, text=True,
            preexec_fn=die_with_parent(),
        ).stdout  # fmt: skip
    found = json.loads(said.strip().splitlines()[-1])
    statuses = Counter({200: found["good"]}) + Counter({0: found["bad"]})
    return Load(statuses, seconds=seconds, lost=found["lost"],
                told={50: found["p50"], 99: found["p99"]})  # fmt: skip


def run(port: int, data: bytes, connections: int, seconds: float) -> Load:
    """Keep that many connections busy for so long; one that is told to wait waits.

    A client that is turned away asks again after the seconds that `Retry-After` names.
    """
    return uvloop.run(_run(port, data, connections, seconds))


async def _run(port: int, data: bytes, connections: int, seconds: float) -> Load:
    load, loop = Load(), asyncio.get_running_loop()
    until = time.perf_counter() + seconds
    began = time.perf_counter()
    clients = [_Client(data, until, load) for _ in range(connections)]
    await asyncio.gather(
        *(loop.create_connection(partial(_itself, one), "127.0.0.1", port) for one in clients)
    )
    await asyncio.wait([one.done for one in clients], timeout=seconds + UNANSWERED_S)
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
        self._sent = self._wait = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self._transport = transport  # type: ignore[assignment]
        self._send()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"retry-after":
            self._wait = float(value)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        self._load.statuses[status] += 1
        now = time.perf_counter()
        if status == 200:
            self._load.milliseconds.append((now - self._sent) * 1_000)
        if now + self._wait < self._until:
            asyncio.get_running_loop().call_later(self._wait, self._send)
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
        self._sent, self._wait = time.perf_counter(), 0.0
        self._transport.write(self._data)
