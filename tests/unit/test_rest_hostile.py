"""Requests that mean harm: bounded in time and memory, and answered with the right status."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import psutil
import pytest

from tests.rest.samples import records
from tests.rest.service import NAME, Running, running

PATH = f"/models/{NAME}/predict"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("service"), serving={"request_seconds": 1}) as made:
        yield made


def raw(service: Running, data: bytes) -> bytes:
    """What the service answers to these bytes until it closes the connection."""
    found = b""
    with socket.create_connection(("127.0.0.1", service.port), timeout=30) as connection:
        try:
            connection.sendall(data)
            while piece := connection.recv(65_536):
                found += piece
        except ConnectionError:
            pass
    return found


DEEP = b"[" * 500_000
HOSTILE = [
    ("nested lists", DEEP, 422),
    ("nested objects", b'{"a":' * 150_000, 422),
    ("nested where nothing is declared", b'{"instances":' + DEEP, 400),
    ("a million keys", b"{" + b",".join(b'"k%d":1' % i for i in range(80_000)) + b"}", 422),
    ("a huge number", b'{"calls":' + b"9" * 900_000 + b"}", 422),
    ("a huge string", b'{"calls":"' + b"x" * 900_000 + b'"}', 422),
    ("no UTF-8", b'{"\xff\xfe":1}', 400),
    ("too large", b" " * 2_000_000, 413),
    ("nothing but zeros", b"\0" * 1_000, 400),
]


@pytest.mark.parametrize(("name", "body", "status"), HOSTILE, ids=[one[0] for one in HOSTILE])
def test_a_hostile_body_is_refused_and_costs_no_memory(
    service: Running, name: str, body: bytes, status: int
) -> None:
    path = "/invocations" if "declared" in name else PATH
    before = psutil.Process().memory_info().rss
    response = service.post(path, body)
    assert response.status_code == status, response.text[:300]
    assert len(response.content) < 1_000
    assert psutil.Process().memory_info().rss - before < 200 << 20
    assert service.predict(records(1)[0]).status_code == 200


def test_a_head_without_end_is_cut_off(service: Running) -> None:
    answer = raw(service, b"GET /health HTTP/1.1\r\n" + b"X-A: " + b"a" * 200_000)
    assert answer.startswith(b"HTTP/1.1 431"), answer[:200]


def test_what_is_not_http_is_told_so(service: Running) -> None:
    assert raw(service, b"\x16\x03\x01\x02\x00\x01\r\n\r\n").startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-",
        f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{{".encode(),
    ],
)
def test_a_request_that_never_ends_is_ended(service: Running, begun: bytes) -> None:
    answer = raw(service, begun)
    assert answer.startswith(b"HTTP/1.1 408"), answer[:200]
    assert b"did not arrive within 1 s" in answer
