"""The load that servers are compared under: it waits for slow answers, and counts what came."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psutil
import pytest

from bench.parts.serving import FASTAPI, Server


@contextmanager
def serving(first_answers: int) -> Iterator[Server]:
    """A server that leaves its first requests unanswered, by closing their connections."""
    left = [first_answers]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            if left[0]:
                left[0] -= 1
                self.close_connection = True
                return
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, daemon=True)
        thread.start()
        yield Server(FASTAPI, psutil.Process(), listening.server_port)
        listening.shutdown()
        thread.join()


def test_a_load_lasts_until_there_are_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    with serving(first_answers=2) as server:
        load, _ = server.drive({}, connections=2, seconds=0.05)
    assert load.good > 0 and set(load.statuses) == {200}
