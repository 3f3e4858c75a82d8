"""The web server stops in order: no request outlives it, and it frees its address."""

from __future__ import annotations

import logging
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from lakehouse.http import server


def test_it_answers_until_the_end_of_the_block_and_then_frees_the_port() -> None:
    def app(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        start("200 OK", [])
        return [b"here"]

    with server.serving(app, "127.0.0.1", 0) as port:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}") as answer:
            assert answer.read() == b"here"
        with pytest.raises(OSError, match="in use"), server.serving(app, "127.0.0.1", port):
            pass
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_request_under_way_ends_before_the_server_lets_go_of_its_files(
    caplog: pytest.LogCaptureFixture,
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def app(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        begun.set()
        go_on.wait(5)
        start("200 OK", [])
        return [b"late"]

    def ask(port: int) -> None:
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            client.recv(1000)

    with caplog.at_level(logging.WARNING), server.serving(app, "127.0.0.1", 0) as port:
        asking = threading.Thread(target=ask, args=(port,))
        asking.start()
        assert begun.wait(5)
        threading.Timer(0.2, go_on.set).start()
    asking.join(5)
    assert not asking.is_alive()
    assert [record.getMessage() for record in caplog.records] == []


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_large_is_refused_before_it_is_sent(chunked: bool) -> None:
    asked: list[int] = []

    def app(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        asked.append(len(environ["wsgi.input"].read()))
        start("200 OK", [])
        return [b"taken"]

    def answer(port: int, size: int) -> bytes:
        length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}"
        with socket.create_connection(("127.0.0.1", port), 5) as client:
            client.sendall(f"POST / HTTP/1.1\r\nHost: x\r\n{length}\r\n\r\n".encode())
            if chunked:
                client.sendall(b"%x\r\n%b\r\n0\r\n\r\n" % (size, b"x" * size))
            elif size <= 1_000:
                client.sendall(b"x" * size)
            return client.recv(1_000)

    with server.serving(app, "127.0.0.1", 0, max_body=1_000) as port:
        assert answer(port, 900).startswith(b"HTTP/1.1 200")
        assert answer(port, 1_100 if chunked else 1 << 30).startswith(b"HTTP/1.1 413")
        if not chunked:
            assert answer(port, 1_000).startswith(b"HTTP/1.1 200")
    assert asked == ([900] if chunked else [900, 1_000])
