"""The HTTP interface to streams: start, stop, look."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from flask import Blueprint, Response, request
from msgspec import Meta, Struct

from flaskapp import stream_requests, streams
from flaskapp.parts import Parts
from flaskapp.streams import Mode, Stream
from lakehouse import mysql
from lakehouse.http import answers
from lakehouse.http.operations import Error, Operation, operation

MAX_LIMIT = 1_000


class Latest(Struct, frozen=True):
    """How many streams to list."""

    limit: Annotated[int, Meta(ge=1, le=MAX_LIMIT)] = 20


class Done(Struct, frozen=True):
    """What was done, to which stream."""

    message: str
    stream_id: str


class Busy(Struct, frozen=True):
    """Why a stream cannot start: another one runs."""

    message: str


class StreamView(Struct, frozen=True):
    """A stream: what was asked for, what of it is committed, and how it is doing."""

    stream_id: str
    domain: str
    mode: Mode
    state: Literal["running", "degraded", "finished", "stopped", "failed"]
    request: dict[str, Any]
    sent_batches: int
    sent_rows: int
    sent_outcomes: int
    error: str | None
    started_at: datetime
    updated_at: datetime
    rows_per_second: float | None


class StreamList(Struct, frozen=True):
    """Streams, newest first."""

    streams: list[StreamView]


def blueprint(parts: Parts) -> Blueprint:
    """Routes that start, stop and list streams."""
    api, settings = Blueprint("streams", __name__), parts.settings
    models = stream_requests.models(parts.sources, settings.simulator)
    start = Operation(
        "Start a stream", Done, body=tuple(models.values()), errors={409: (Busy, Error)}, acts=True
    )
    stop = Operation("End the running stream, of any process", Done, errors={409: Error}, acts=True)

    @api.post("/start_stream")
    @operation(start)
    def start_stream() -> Done:
        wanted = stream_requests.parse_stream(request.get_data(), models)
        return Done("Streaming started", parts.runner.start(wanted))

    @api.post("/stop_stream")
    @operation(stop)
    def stop_stream() -> Done | Response:
        stream_id = parts.runner.stop() or _stop_elsewhere(parts)
        if stream_id is None:
            return answers.error("no stream is running", 409)
        return Done("Streaming stopped", stream_id)

    @api.get("/streams")
    @operation(Operation("Streams, newest first", StreamList, Latest))
    def list_streams(query: Latest) -> StreamList:
        with mysql.connect(settings.mysql) as connection, connection.cursor() as cursor:
            found = streams.latest(cursor, query.limit)
        return StreamList([_seen(parts, stream) for stream in found])

    @api.get("/streams/<stream_id>")
    @operation(Operation("One stream", StreamView, errors={404: Error}))
    def one_stream(stream_id: str) -> StreamView | Response:
        with mysql.connect(settings.mysql) as connection, connection.cursor() as cursor:
            stream = streams.get(cursor, stream_id)
        if stream is None:
            return answers.error(f"no stream is called {stream_id}", 404)
        return _seen(parts, stream)

    return api


def _stop_elsewhere(parts: Parts) -> str | None:
    """End the stream of another process, by its row; that process sees it within a second."""
    settings = parts.settings.mysql
    with mysql.connect(settings) as connection, mysql.transaction(connection) as cursor:
        found = streams.running(cursor)
        for stream in found:
            streams.end(cursor, stream.stream_id, "stopped", parts.clock.now())
    return found[0].stream_id if found else None


def _seen(parts: Parts, stream: Stream) -> StreamView:
    """The stream with what its process knows: trouble makes a running one degraded."""
    values = {name: getattr(stream, name) for name in StreamView.__struct_fields__}
    for name in ("started_at", "updated_at"):
        values[name] = values[name].replace(tzinfo=UTC)
    trouble = parts.runner.trouble or parts.relay.status.error
    if stream.state == "running" and stream.stream_id == parts.runner.stream_id and trouble:
        values |= {"state": "degraded", "error": trouble}
    return StreamView(**values)
