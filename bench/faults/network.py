"""A network that can be made worse: a relay of TCP connections between clients and one server.

Clients connect to `port`, the server listens on `server_port`, both on loopback. What the relay
does to the bytes between them is its `condition`, which may change while connections are open.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass

HOST = "127.0.0.1"
CHUNK = 65_536
# With no time to linger, closing a socket sends a reset instead of a farewell.
_RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Condition:
    """How the network is: every chunk waits `delay_s`, and at most `bytes_per_s` pass each way.

    A `silent` network takes bytes and delivers none, and no connection learns of it. One that is
    `closed` resets each connection, and each new one.
    """

    delay_s: float = 0.0
    bytes_per_s: float = float("inf")
    silent: bool = False
    closed: bool = False


WELL = Condition()


class Link:
    """The relay, in a thread of its own; `touched` counts the connections that a condition hurt."""

    def __init__(self, port: int, server_port: int) -> None:
        self.port, self.server_port = port, server_port
        self.condition, self.touched = WELL, 0
        self._loop = asyncio.new_event_loop()
        self._open: set[asyncio.StreamWriter] = set()
        # Connections that bytes were taken from: they cannot go on, whatever the network does.
        self._broken: set[asyncio.StreamWriter] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def start(self) -> None:
        """Begin to take connections. Raises `OSError` if the port is taken."""
        self._thread.start()
        serving = asyncio.start_server(self._connected, HOST, self.port)
        asyncio.run_coroutine_threadsafe(serving, self._loop).result()

    def stop(self) -> None:
        """Reset what is open, and end the thread."""
        if self._thread.is_alive():
            self.reset()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    def change(self, condition: Condition) -> None:
        """Change the network; one that is well again resets the connections that lost bytes."""
        self.condition = condition
        if condition.closed:
            self.reset()
        self._loop.call_soon_threadsafe(self._abort, self._broken)

    def reset(self) -> None:
        """Reset every open connection, once."""
        self._loop.call_soon_threadsafe(self._reset)

    def _reset(self) -> None:
        self.touched += len(self._open) // 2
        self._abort(self._open)

    def _abort(self, which: set[asyncio.StreamWriter]) -> None:
        for writer in list(which):
            with suppress(OSError, AttributeError):
                connection = writer.get_extra_info("socket")
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()
            which.discard(writer)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.condition.closed:
            self.touched += 1
            self._abort({writer})
            return
        try:
            from_server, to_server = await asyncio.open_connection(HOST, self.server_port)
        except OSError:
            self._abort({writer})
            return
        pair = (writer, to_server)
        self._open.update(pair)
        ways = (self._carry(reader, to_server, pair), self._carry(from_server, writer, pair))
        try:
            await asyncio.gather(*ways)
        except OSError:
            self._abort(set(pair))
        finally:
            self._open.difference_update(pair)
            self._broken.difference_update(pair)

    async def _carry(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        pair: tuple[asyncio.StreamWriter, asyncio.StreamWriter],
    ) -> None:
        felt = WELL
        while chunk := await source.read(CHUNK):
            condition = self.condition
            self.touched += condition not in (WELL, felt)
            felt = condition
            if condition.silent or not self._broken.isdisjoint(pair):
                self._broken.update(pair)
                continue
            await asyncio.sleep(condition.delay_s + len(chunk) / condition.bytes_per_s)
            sink.write(chunk)
            await sink.drain()
        # A connection that lost bytes does not end well: its peer must not take what came for all.
        if self._broken.isdisjoint(pair):
            sink.close()
