"""The web server: it stops in order, frees its address, and no client can hold it up."""

from __future__ import annotations

import json
import logging
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any

import pytest

from lakehouse.http import connection, server


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


def plain(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    start("200 OK", [("Content-Length", "4")])
    return [b"here"]


def says(answer: bytes) -> str:
    """The error in an answer, which must be JSON."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"Content-Type: application/json" in head
    return str(json.loads(body)["error"])


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
        refused = answer(port, 1_100 if chunked else 1 << 30)
        assert refused.startswith(b"HTTP/1.1 413")
        assert says(refused)
        if not chunked:
            assert answer(port, 1_000).startswith(b"HTTP/1.1 200")
    assert asked == ([900] if chunked else [900, 1_000])


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET / HTTP/1.1\nHost: x\n\n", b"400"),
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", b"501"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 70_000 + b"\r\n\r\n", b"413"),
    ],
)
def test_what_the_server_itself_refuses_is_told_in_json(
    request_bytes: bytes, status: bytes
) -> None:
    with (
        server.serving(plain, "127.0.0.1", 0) as port,
        socket.create_connection(("127.0.0.1", port), 5) as client,
    ):
        client.sendall(request_bytes)
        answer = client.recv(1_000)
    assert answer.split()[1] == status
    assert says(answer)


@pytest.mark.parametrize(
    "head", [b"GET / HTTP/1.1\r\n", b"POST / HTTP/1.1\r\nContent-Length: 50\r\n\r\n"]
)
def test_a_client_that_drips_its_request_is_cut_off(
    head: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "READ_S", 0.5)
    with (
        server.serving(plain, "127.0.0.1", 0) as port,
        socket.create_connection(("127.0.0.1", port), 5) as client,
    ):
        client.sendall(head)
        client.settimeout(0.1)
        answer = b""
        while not answer:
            client.sendall(b"a")
            try:
                answer = client.recv(1_000)
            except TimeoutError:
                continue
    assert answer.split()[1] == b"408"


def test_clients_that_say_nothing_keep_nobody_waiting() -> None:
    with server.serving(plain, "127.0.0.1", 0) as port, ExitStack() as silent:
        for _ in range(connection.THREADS * 3):
            silent.enter_context(socket.create_connection(("127.0.0.1", port)))
        with urllib.request.urlopen(f"http://127.0.0.1:{port}", timeout=5) as answer:
            assert answer.read() == b"here"


def test_a_request_that_never_ends_does_not_keep_the_process(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(server, "SHUTDOWN_S", 1)
    monkeypatch.setattr(server, "STOP_S", 2.0)
    begun, go_on = threading.Event(), threading.Event()

    def stuck(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        begun.set()
        go_on.wait(60)
        return plain(environ, start)

    with server.serving(stuck, "127.0.0.1", 0) as port:
        client = socket.create_connection(("127.0.0.1", port))
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert begun.wait(5)
    assert "abandoned" in caplog.text
    go_on.set()
    client.close()
