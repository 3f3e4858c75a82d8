"""Streams in the background: one at a time over all processes, and each survives its process.

What a stream has sent is committed with the rows, so after an outage, a kill or a restart it goes
on with the batch that is not in the database yet.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager

from flaskapp import streams
from flaskapp.bulk import open_uploader
from flaskapp.cdr.sending import StreamContext, begin, send
from flaskapp.validation import StreamRequest
from lakehouse import mysql
from lakehouse.clock import Clock
from lakehouse.domains.settings import Settings
from lakehouse.errors import StreamError

LOG = logging.getLogger(__name__)
LOCK = "stream"
FIRST_BACKOFF_S = 0.2
MAX_BACKOFF_S = 5.0
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 5.0
LOOK_S = 1.0

Begin = Callable[[StreamContext], str]


class BusyError(StreamError):
    """Another stream runs, here or in another process."""


class Runner:
    """Starts, stops and resumes streams; at most one thread at a time."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self._mutex = threading.Lock()
        self._thread: threading.Thread | None = None
        self._ending, self._closing = threading.Event(), threading.Event()
        self.stream_id: str | None = None
        self.trouble: str | None = None

    def start(self, request: StreamRequest) -> str:
        """Start a stream; its id.

        Raises `BusyError` while another stream runs, here or in another process, and
        `NothingToSendError` when there is nothing to send.
        """
        return self._launch(lambda context: begin(context, request))

    def resume(self) -> str | None:
        """Go on with the stream that an earlier process left running; its id, if there is one."""
        with mysql.connect(self._settings.mysql) as connection, connection.cursor() as cursor:
            left = streams.running(cursor)
        if not left:
            return None
        LOG.info("resuming stream %s", left[0].stream_id)
        return self._launch(lambda _context: left[0].stream_id)

    @property
    def is_running(self) -> bool:
        """Whether a stream runs in this process."""
        return self._thread is not None and self._thread.is_alive()

    def stop(self) -> str | None:
        """End the stream of this process after the block it is writing; its id, if there is one."""
        with self._mutex:
            if self._thread is None or not self._thread.is_alive():
                return None
            self._ending.set()
            self._thread.join(STOP_TIMEOUT_S)
            return self.stream_id

    def close(self) -> None:
        """End the thread and leave its stream to be resumed by the next process."""
        self._closing.set()
        self.stop()

    def _launch(self, begin_stream: Begin) -> str:
        with self._mutex:
            if self.is_running:
                raise BusyError("stream", "no other stream", str(self.stream_id), "stop it first")
            started: Future[str] = Future()
            self._ending.clear()
            self._thread = threading.Thread(
                target=self._run, args=(begin_stream, started), name="stream", daemon=True
            )
            self._thread.start()
        return started.result(START_TIMEOUT_S)

    def _run(self, begin_stream: Begin, started: Future[str]) -> None:
        stream_id, backoff = None, FIRST_BACKOFF_S
        while not self._closing.is_set():
            try:
                with self._context() as context:
                    if stream_id is None:
                        stream_id = self.stream_id = begin_stream(context)
                        started.set_result(stream_id)
                    self.trouble, backoff = None, FIRST_BACKOFF_S
                    self._send(context, stream_id)
                    return
            except Exception as error:
                if stream_id is None:
                    started.set_exception(error)
                    return
                if not (mysql.is_outage(error) or isinstance(error, BusyError)):
                    self._fail(stream_id, error)
                    return
                LOG.warning("stream %s: %s; trying again in %.1f s", stream_id, error, backoff)
                self.trouble = str(error)
            self._clock.wait(self._closing, backoff)
            backoff = min(backoff * 2, MAX_BACKOFF_S)

    def _send(self, context: StreamContext, stream_id: str) -> None:
        stream = streams.get(context.cursor, stream_id)
        if stream is None:
            raise StreamError(f"stream {stream_id}", "its row", "none", "see table Streams")
        if stream.state != "running":
            return  # ended by another process, while this one had no database or did not run
        done = not self._ending.is_set() and send(
            context, stream, lambda seconds: self._pause(context, stream_id, seconds)
        )
        if done or not self._closing.is_set():
            streams.end(
                context.cursor, stream_id, "finished" if done else "stopped", self._clock.now()
            )
            context.commit()

    def _pause(self, context: StreamContext, stream_id: str, seconds: float) -> bool:
        """Wait; true as soon as the stream is to end, by this process or by its row."""
        deadline = self._clock.monotonic() + seconds
        while True:
            with context.cursor as cursor:
                stream = streams.get(cursor, stream_id)
            context.commit()
            left = deadline - self._clock.monotonic()
            if stream is None or stream.state != "running" or self._ending.is_set():
                return True
            if left <= 0:
                return False
            self._clock.wait(self._ending, min(left, LOOK_S))

    def _fail(self, stream_id: str, error: Exception) -> None:
        LOG.error("stream %s failed", stream_id, exc_info=error)
        with mysql.connect(self._settings.mysql) as connection, connection.cursor() as cursor:
            streams.end(cursor, stream_id, "failed", self._clock.now(), str(error))
            connection.commit()

    @contextmanager
    def _context(self) -> Iterator[StreamContext]:
        with open_uploader(self._settings) as uploader:
            name = f"{self._settings.mysql.database}.{LOCK}"
            with mysql.lock(uploader.connection, name) as held:
                if not held:
                    raise BusyError("stream", "no other stream", "another process", "stop it first")
                yield StreamContext(uploader, self._settings, self._clock)
