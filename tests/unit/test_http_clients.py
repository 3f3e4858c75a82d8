"""What our clients make of a server that does not answer as HTTP has it."""

from __future__ import annotations

import runpy
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from socketserver import StreamRequestHandler, TCPServer

import pytest

from cdrlake.http import Api
from cdrlake.services.connect import ConnectWorker
from cdrlake.services.jars import Java
from cdrlake.services.spark import SparkCluster
from flaskapp.cards import producer
from lakehouse.domains.settings import Settings
from lakehouse.errors import ServiceError, SourceError
from lakehouse.settings import ROOT
from lakehouse.settings.kafka import KafkaSettings
from lakehouse.settings.outside import ConnectSettings
from lakehouse.settings.spark import ClusterSettings

OK = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"
HERE, JAVA = Path("nowhere"), Java(Path("java"), 17)
NOT_HTTP = {
    "garbage": b"SSH-2.0-OpenSSH\r\n\r\n",
    "too many headers": OK + b"X: y\r\n" * 101 + b"\r\n{}",
    "an endless header": OK + b"X: " + b"y" * 70_000 + b"\r\n\r\n{}",
}
CUT = {
    "a broken chunk": OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\n[]\r\nno number\r\n",
    "a cut chunk": OK + b"Transfer-Encoding: chunked\r\n\r\n10\r\n[]",
    "a cut body": OK + b"Content-Length: 10\r\n\r\n[]",
}


@contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """The port of a server that answers everything with these bytes."""

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline().strip():
                pass
            self.wfile.write(answer)

    with TCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield int(server.server_address[1])
        finally:
            server.shutdown()
            thread.join()


def is_connect_healthy(port: int) -> bool:
    settings = ConnectSettings(port=port)
    return ConnectWorker(settings, KafkaSettings(), HERE, HERE, JAVA).healthy()


def is_spark_healthy(port: int) -> bool:
    return SparkCluster(ClusterSettings(page_port=port), HERE, JAVA).healthy()


def is_service_healthy(port: int) -> bool:
    return Api(Settings()).healthy(f"http://127.0.0.1:{port}")


def is_container_healthy(port: int) -> bool:
    main = runpy.run_path(str(ROOT / "docker" / "healthy.py"))["main"]
    return bool(main(["http", f"http://127.0.0.1:{port}/health"]) == 0)


@pytest.mark.parametrize("answer", NOT_HTTP.values(), ids=list(NOT_HTTP))
@pytest.mark.parametrize(
    "check", [is_connect_healthy, is_spark_healthy, is_service_healthy, is_container_healthy]
)
def test_what_does_not_speak_http_is_not_healthy(
    check: Callable[[int], bool], answer: bytes
) -> None:
    with answering(OK + b"\r\n" + b'{"workers": []}') as port:
        assert check(port)
    with answering(answer) as port:
        assert not check(port)


@pytest.mark.parametrize("answer", CUT.values(), ids=list(CUT))
def test_an_answer_of_a_service_that_is_cut_off_is_an_error_of_ours(answer: bytes) -> None:
    refused = answer.replace(b"200 OK", b"409 Conflict")
    for given in (answer, refused):
        with answering(given) as port, pytest.raises(ServiceError, match=f":{port}/x"):
            Api(Settings()).call(f"http://127.0.0.1:{port}/x")


@pytest.mark.parametrize("answer", (NOT_HTTP | CUT).values(), ids=list(NOT_HTTP | CUT))
def test_a_source_whose_answer_is_not_whole_is_away(answer: bytes) -> None:
    with answering(OK + b"\r\n[]") as port:
        assert producer.over_http(f"http://127.0.0.1:{port}/now")() == b"[]"
    with answering(answer) as port, pytest.raises(SourceError, match=f"127.0.0.1:{port}/now"):
        producer.over_http(f"http://127.0.0.1:{port}/now")()


@pytest.mark.parametrize(
    "address", ["http://me:k3y@127.0.0.1:{}/now?api_key=k3y", "http://127.0.0.1:{}/now?k=k3y k3y"]
)
def test_an_error_about_a_source_names_its_address_without_a_key(address: str) -> None:
    odd = [*NOT_HTTP.values(), OK.replace(b"200 OK", b"500 No") + b"\r\n"]
    for answer in odd:
        with answering(answer) as port, pytest.raises(SourceError) as raised:
            producer.over_http(address.format(port))()
        assert f"http://127.0.0.1:{port}/now: expected" in str(raised.value)
        assert "k3y" not in str(raised.value)
    for url in ("k3y", "nothing://127.0.0.1/now?key=k3y", "http://[k3y"):
        with pytest.raises(SourceError) as raised:
            producer.over_http(url)()


def test_a_source_whose_answer_is_too_large_is_away_and_not_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(producer, "MAX_BODY", 10)
    for size in (10, 11):
        head = f"Content-Length: {size}\r\n\r\n".encode()
        with answering(OK + head + b"1" * size) as port:
            fetch = producer.over_http(f"http://127.0.0.1:{port}/now")
            if size == 10:
                assert fetch() == b"1" * 10
                continue
            with pytest.raises(SourceError, match="more than 10 bytes"):
                fetch()
