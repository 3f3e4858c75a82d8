"""The HTTP interface to streams: start, stop, look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify, request

from flaskapp import streams
from flaskapp.streams import Stream
from flaskapp.validation import parse_limit, parse_stream
from lakehouse import mysql

if TYPE_CHECKING:
    from flaskapp.app import Parts

DEFAULT_LIMIT, MAX_LIMIT = 20, 1_000


def blueprint(parts: Parts) -> Blueprint:
    """Routes that start, stop and list streams."""
    api, settings = Blueprint("streams", __name__), parts.settings

    @api.post("/start_stream")
    def start_stream() -> Response:
        asked = parse_stream(request.get_data(), settings.simulator)
        stream_id = parts.runner.start(asked)
        return jsonify(message="Streaming started", stream_id=stream_id)

    @api.post("/stop_stream")
    def stop_stream() -> tuple[Response, int]:
        stream_id = parts.runner.stop() or _stop_elsewhere(parts)
        if stream_id is None:
            return jsonify(error="no stream is running"), 409
        return jsonify(message="Streaming stopped", stream_id=stream_id), 200

    @api.get("/streams")
    def list_streams() -> Response:
        limit = parse_limit(request.args.get("limit"), DEFAULT_LIMIT, MAX_LIMIT)
        with mysql.connect(settings.mysql) as connection, connection.cursor() as cursor:
            found = streams.latest(cursor, limit)
        return jsonify(streams=[_seen(parts, stream) for stream in found])

    @api.get("/streams/<stream_id>")
    def one_stream(stream_id: str) -> tuple[Response, int]:
        with mysql.connect(settings.mysql) as connection, connection.cursor() as cursor:
            stream = streams.get(cursor, stream_id)
        if stream is None:
            return jsonify(error=f"no stream is called {stream_id}"), 404
        return jsonify(_seen(parts, stream)), 200

    return api


def _stop_elsewhere(parts: Parts) -> str | None:
    """End the stream of another process, by its row; that process sees it within a second."""
    settings = parts.settings.mysql
    with mysql.connect(settings) as connection, mysql.transaction(connection) as cursor:
        found = streams.running(cursor)
        for stream in found:
            streams.end(cursor, stream.stream_id, "stopped", parts.clock.now())
    return found[0].stream_id if found else None


def _seen(parts: Parts, stream: Stream) -> dict[str, Any]:
    """The stream with what its process knows: trouble makes a running one degraded."""
    trouble = parts.runner.trouble or parts.relay.status.error
    if stream.state == "running" and stream.stream_id == parts.runner.stream_id and trouble:
        return stream.as_dict() | {"state": "degraded", "error": trouble}
    return stream.as_dict()
