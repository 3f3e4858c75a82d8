"""Plain predictions by the short way: many in one turn of the loop, each as if it were alone."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from lakehouse.models.model_kinds import MODEL_KINDS
from serving.rest.gate import Headers
from tests.rest.samples import records
from tests.rest.service import NAME, Running, running

PATH = f"/models/{NAME}/predict"
TOKEN = "a-token"


@dataclass
class Someone:
    """A connection without a network."""

    body: bytes
    headers: Headers = field(
        default_factory=lambda: [(b"authorization", f"Bearer {TOKEN}".encode())]
    )
    began: float = 0.0
    answer: bytes = b""
    long_way: list[tuple[str | None, bool]] = field(default_factory=list)

    def reply(self, data: bytes) -> None:
        """Keep the answer."""
        self.answer = data

    def take_long_way(self, own_id: str | None, is_admitted: bool) -> None:
        """Keep that this is for the application."""
        self.long_way.append((own_id, is_admitted))


@pytest.fixture(scope="module", params=sorted(MODEL_KINDS))
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    keys = {"api_keys": {"a": TOKEN}}
    folder = tmp_path_factory.mktemp("service")
    with running(folder, kind=request.param, serving=keys) as made:
        made.client.headers["Authorization"] = f"Bearer {TOKEN}"
        yield made


def in_one_turn(service: Running, callers: list[Someone]) -> None:
    async def turn() -> None:
        for one in callers:
            service.app.lane.add(NAME, one)
        await asyncio.sleep(0)

    asyncio.run(turn())


def said(answer: bytes) -> Any:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    return json.loads(body)


def test_requests_of_one_turn_get_what_each_would_get_alone(service: Running) -> None:
    asked = records(50)
    alone = [service.predict(one).json() for one in asked]
    callers = [Someone(json.dumps(one).encode()) for one in asked]
    in_one_turn(service, callers)
    together = [said(one.answer) for one in callers]
    as_list = service.predict(asked).json()["predictions"]
    assert [one["probability"] for one in together] == [one["probability"] for one in alone]
    assert [one["probability"] for one in together] == [one["probability"] for one in as_list]
    assert len({one["request_id"] for one in together}) == 50


def test_whoever_is_wrong_takes_the_long_way_and_the_others_are_answered(service: Running) -> None:
    good = json.dumps(records(1)[0]).encode()
    own = (b"x-request-id", b"mine")
    key = (b"authorization", f"Bearer {TOKEN}".encode())
    right, stranger = Someone(good), Someone(good, headers=[])
    wrong = Someone(b'{"nothing": 1}', headers=[own, key])
    in_one_turn(service, [right, stranger, wrong])
    assert said(right.answer)["version"] == 1
    assert (stranger.answer, stranger.long_way) == (b"", [(None, False)])
    assert (wrong.answer, wrong.long_way) == (b"", [("mine", True)])


def sent(service: Running, pieces: list[bytes], answers: int) -> list[bytes]:
    """The status lines of the answers to some bytes."""
    found = b""
    with socket.create_connection(("127.0.0.1", service.port), timeout=30) as connection:
        for piece in pieces:
            connection.sendall(piece)
        while found.count(b"HTTP/1.1 ") < answers:
            found += connection.recv(65_536)
    return [piece[:3] for piece in found.split(b"HTTP/1.1 ")[1:]]


def request(body: bytes, path: str = PATH) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def test_requests_sent_ahead_are_answered_in_their_order(service: Running) -> None:
    good, bad = request(json.dumps(records(1)[0]).encode()), request(b"{}")
    other = request(b"[1]")
    missing = request(b"{}", path="/models/none/predict")
    ahead = b"".join([good, bad, good, missing, good, other, good])
    expected = [b"200", b"422", b"200", b"404", b"200", b"422", b"200"]
    assert sent(service, [ahead], 7) == expected
    middle = len(ahead) // 2
    assert sent(service, [ahead[:middle], ahead[middle:]], 7) == expected


def test_a_client_that_leaves_early_leaves_nothing_behind(service: Running) -> None:
    whole = request(json.dumps(records(1)[0]).encode())
    for piece in (whole[:-5], whole):
        with socket.create_connection(("127.0.0.1", service.port)) as connection:
            connection.sendall(piece)
    assert service.predict(records(1)[0]).status_code == 200
    while service.waiting():
        service.client.get("/health")
    assert service.app.lane.begun == 0
