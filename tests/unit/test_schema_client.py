"""What the client of the schema registry makes of answers that a registry should not give."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import StreamRequestHandler, TCPServer

import pytest

from lakehouse.errors import AccessError, ContractError, ServiceError
from lakehouse.schema_registry.client import Address, NoAnswerError, SchemaClient

CLICK = {"type": "record", "name": "click", "fields": [{"name": "user_id", "type": "string"}]}


@contextmanager
def answering(answer: bytes) -> Iterator[SchemaClient]:
    """A client of a server that answers everything with these bytes."""

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            length = 0
            while (line := self.rfile.readline().lower()).strip():
                length = int(line.split(b":")[1]) if line.startswith(b"content-length") else length
            self.rfile.read(length)
            self.wfile.write(answer)

    with TCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield SchemaClient(Address(f"http://127.0.0.1:{server.server_address[1]}"))
        finally:
            server.shutdown()
            thread.join()


def answer_of(status: int) -> bytes:
    body = json.dumps({"error_code": status, "message": "so it said"}).encode()
    head = f"HTTP/1.1 {status} So\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (409, ContractError),
        (422, ContractError),
        (429, NoAnswerError),
        (500, NoAnswerError),
        (503, NoAnswerError),
        (401, AccessError),
        (403, AccessError),
        (404, ServiceError),
    ],
)
def test_a_registry_that_fails_is_told_from_one_that_refuses_a_schema(
    status: int, kind: type[Exception]
) -> None:
    with answering(answer_of(status)) as client, pytest.raises(kind, match="so it said") as raised:
        client.register("a", CLICK)
    assert type(raised.value) is kind


@pytest.mark.parametrize("status", [429, 502])
def test_a_registry_that_fails_does_not_seem_to_lack_what_it_is_asked_for(status: int) -> None:
    with answering(answer_of(status)) as client:
        with pytest.raises(NoAnswerError):
            client.versions("a")
        with pytest.raises(NoAnswerError):
            client.schema(1)
        assert not client.healthy()


@pytest.mark.parametrize(
    "answer",
    [
        b"no HTTP at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}",
        b"HTTP/1.1 503 No\r\nContent-Length: 99\r\n\r\n{}",
        b"",
    ],
    ids=["another protocol", "cut short", "an error cut short", "nothing"],
)
def test_an_answer_that_breaks_off_is_none(answer: bytes) -> None:
    with answering(answer) as client, pytest.raises(NoAnswerError, match=r"schemas\.url"):
        client.register("a", CLICK)
