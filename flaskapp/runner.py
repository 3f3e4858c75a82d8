"""Streams in the background: one at a time across all processes, each surviving its process.

A stream's progress is committed with the rows, so after an outage, a kill or a restart it continues
with the first batch that is not in the database yet.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotDoneError
from contextlib import contextmanager, suppress
from typing import Any

from flaskapp import streams
from flaskapp.bulk import open_uploader
from flaskapp.stream_source import DOMAIN, StreamContext, StreamRequest, StreamSource
from flaskapp.streams import Stream
from lakehouse import mysql
from lakehouse.clock import Clock
from lakehouse.errors import (
    AccessError,
    ServiceError,
    StreamError,
    TooLargeError,
    UnreachableError,
)
from lakehouse.retry import Backoff
from lakehouse.settings import Settings

LOG = logging.getLogger(__name__)
LOCK = "stream"
LONGEST_BACKOFF_S = 5.0
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 5.0
LOOK_S = 1.0


class BusyError(StreamError):
    """Another stream is running, here or in another process."""


def _may_pass(error: Exception) -> bool:
    """Whether the stream may go on later: a server is away, or another process has the stream.

    What was sent without an acknowledgement is sent again, with the same ids. A broker that denies
    access, or that a message is too large for, goes on doing so.
    """
    if isinstance(error, AccessError | TooLargeError):
        return False
    return mysql.is_outage(error) or isinstance(error, BusyError | ServiceError)


class Runner:
    """Starts, stops and resumes streams of `sources`; at most one thread at a time."""

    def __init__(self, settings: Settings, clock: Clock, sources: Sequence[StreamSource]) -> None:
        self._settings, self._clock = settings, clock
        self._sources = {source.domain: source for source in sources}
        self._mutex = threading.Lock()
        self._thread: threading.Thread | None = None
        self._ending, self._closing = threading.Event(), threading.Event()
        self._signs = 0
        self.stream_id: str | None = None
        self.trouble: str | None = None

    def start(self, request: StreamRequest) -> str:
        """Start a stream; its id.

        Raises `BusyError` while another stream runs, here or in another process,
        `NothingToSendError` when there is nothing to send, and `UnreachableError` when the database
        is too slow to say so, in which case nothing is started.
        """
        return self._launch(request)

    def resume(self) -> str | None:
        """Resume the stream that an earlier process left running; returns its id, if any."""
        with mysql.connect(self._settings.mysql) as connection, connection.cursor() as cursor:
            left = streams.running(cursor)
        if not left:
            return None
        LOG.info("resuming stream %s", left[0].stream_id)
        return self._launch(left[0].stream_id)

    @property
    def is_running(self) -> bool:
        """Whether a stream is running in this process."""
        return self._thread is not None and self._thread.is_alive()

    def stop(self) -> str | None:
        """End this process's stream after the block it is writing; returns its id, if any."""
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

    def _launch(self, wanted: StreamRequest | str) -> str:
        """Start a thread for a new stream or, by its id, one that was left running."""
        with self._mutex:
            if self.is_running:
                raise BusyError("stream", "no other stream", str(self.stream_id), "stop it first")
            started: Future[str] = Future()
            self.stream_id = None
            self._ending.clear()
            self._thread = threading.Thread(
                target=self._run, args=(wanted, started), name="stream", daemon=True
            )
            self._thread.start()
        return _await(started, lambda: self._signs)

    def _run(self, wanted: StreamRequest | str, started: Future[str]) -> None:
        backoff = Backoff(self._clock, self._closing, longest_s=LONGEST_BACKOFF_S)
        while not self._closing.is_set():
            try:
                with self._context() as context:
                    if self.stream_id is None and not self._begin(context, wanted, started):
                        return
                    self.trouble = None
                    backoff.reset()
                    self._send(context, str(self.stream_id))
                    return
            except Exception as error:
                if not self._outlives(error, started):
                    return
                LOG.warning("stream %s: %s; trying again", self.stream_id, error)
                self.trouble = str(error)
            backoff.wait()

    def _begin(
        self, context: StreamContext, wanted: StreamRequest | str, started: Future[str]
    ) -> bool:
        """Record the stream; false, with nothing done, if its caller is no longer waiting."""
        begun = None if isinstance(wanted, str) else self._values(context, wanted)
        if not started.set_running_or_notify_cancel():
            return False
        stream_id = str(wanted)
        if begun is not None:
            now = self._clock.now()
            stream_id = streams.new_id(begun["mode"], now)
            with context.cursor as cursor:
                streams.begin(cursor, stream_id, begun[DOMAIN], begun["mode"], begun, now)
            context.commit()
        self.stream_id = stream_id
        started.set_result(stream_id)
        return True

    def _values(self, context: StreamContext, request: StreamRequest) -> dict[str, Any]:
        source = self._sources[request.domain]
        return source.begin(context, request) | {DOMAIN: source.domain}

    def _outlives(self, error: Exception, started: Future[str]) -> bool:
        """Whether the stream can continue after `error`; if not, that is reported or recorded."""
        if not started.done():
            if started.running() or started.set_running_or_notify_cancel():
                started.set_exception(error)
            return False
        if self.stream_id is None:
            return False
        if _may_pass(error):
            return True
        self._fail(self.stream_id, error)
        return False

    def _send(self, context: StreamContext, stream_id: str) -> None:
        with context.cursor as cursor:
            stream = streams.get(cursor, stream_id)
        if stream is None:
            raise StreamError(f"stream {stream_id}", "its row", "none", "see table Streams")
        if stream.state != "running":
            return  # ended by another process, while this one had no database or did not run
        done = not self._ending.is_set() and self._source(stream).send(
            context, stream, lambda seconds: self._pause(context, stream_id, seconds)
        )
        if done or not self._closing.is_set():
            now = self._clock.now()
            with context.cursor as cursor:
                streams.end(cursor, stream_id, "finished" if done else "stopped", now)
            context.commit()

    def _source(self, stream: Stream) -> StreamSource:
        if stream.domain not in self._sources:
            raise StreamError(
                f"stream {stream.stream_id}", f"one of {', '.join(self._sources)}",
                repr(stream.domain), "start a version of the service that has this domain",
            )  # fmt: skip
        return self._sources[stream.domain]

    def _pause(self, context: StreamContext, stream_id: str, seconds: float) -> bool:
        """Wait; true as soon as the stream should end, because of this process or its row."""
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
                yield StreamContext(uploader, self._clock, sign=self._sign)

    def _sign(self) -> None:
        self._signs += 1


def _await(started: Future[str], signs: Callable[[], int]) -> str:
    """The id of the stream that a thread records. A thread without a sign is cancelled in time."""
    seen = -1
    while seen != signs():
        seen = signs()
        with suppress(NotDoneError):
            return started.result(START_TIMEOUT_S)
    got = "no answer, and started nothing"
    if not started.cancel():  # it is being committed at this very moment
        with suppress(NotDoneError):
            return started.result(START_TIMEOUT_S)
        got = "no answer, so that the stream may run or not"
    needed = f"the database to answer within {START_TIMEOUT_S:.0f} s"
    raise UnreachableError("stream", needed, got, "see GET /streams and try again")
