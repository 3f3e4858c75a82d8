"""Served models beside FastAPI with ONNX Runtime and Flask with scikit-learn: the same forest.

One worker each, bearer token, validated records. What is compared is requests per second of the
server's processor time, which other work on the machine does not change much.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import psutil

from bench import http_load
from bench.http_load import Load
from bench.measure import ROUNDS, Figure, Measurement, Size, compare, hold
from bench.opponents.serving import model
from bench.stand import Stand, scratch
from cdrlake.services.ports import free_ports
from cdrlake.waiting import patiently
from lakehouse.children import die_with_parent
from lakehouse.settings import ROOT

SECONDS = {"small": 0.5, "full": 4.0}
CONNECTIONS, MANY = 32, 100
P99_MS, GOODPUT = 6.0, 0.9
# Three times as many connections as a process takes requests at a time.
OVERLOAD = 3 * 512
NOTE = (
    "requests per second of the server's processor time at 32 connections, a record of 29 features "
    "each; ours also logs every prediction"
)


@dataclass(frozen=True)
class Server:
    """A running server and where it takes one record and many."""

    process: psutil.Process
    port: int
    one: str
    many: str

    def drive(self, path: str, body: bytes, connections: int, seconds: float) -> tuple[Load, float]:
        """What a load gets, and the processor seconds that it takes."""
        before = self._cpu()
        load = http_load.run(
            self.port, http_load.request(path, body, model.TOKEN), connections, seconds
        )
        assert load.good and not load.lost, load.statuses
        return load, self._cpu() - before

    def _cpu(self) -> float:
        found = self.process.cpu_times()
        return float(found.user + found.system)


def run(size: Size, _: Stand) -> list[Measurement]:
    """All figures. Raises `AssertionError` when two servers give other probabilities."""
    seconds = SECONDS[size]
    with scratch() as folder:
        records = model.make(folder)
        one, many = json.dumps(records[0]).encode(), json.dumps(records).encode()
        predict = f"/models/{model.NAME}/predict"
        with (
            _server(folder, "ours", predict, predict) as ours,
            _server(folder, "fastapi_onnx", "/predict", "/predict_many") as fastapi,
            _server(folder, "flask_sklearn", "/predict", "/predict") as flask,
        ):
            _require_equal([ours, fastapi, flask], records)
            rate = partial(_rate, body=one, seconds=seconds)
            return [
                _against("serving_vs_fastapi", "FastAPI, pydantic, ONNX Runtime", rate, ours,
                         fastapi, size),
                _against("serving_vs_flask", "Flask, cheroot, scikit-learn", rate, ours, flask,
                         size),
                _lists(ours, fastapi, many, size),
                _p99(ours, one, size),
                _overload(ours, one, size),
            ]  # fmt: skip


def _against(
    name: str, other: str, rate: Callable[[Server], float], ours: Server, theirs: Server, size: Size
) -> Measurement:
    data = f"{model.TREES} trees of depth {model.DEPTH}, {model.FEATURES} features"
    figure = Figure(name, "requests/cpu-s", True, data, NOTE)  # type: ignore[arg-type]
    return compare(figure, other, partial(rate, ours), partial(rate, theirs), ROUNDS[size])


def _rate(server: Server, body: bytes, seconds: float, connections: int = CONNECTIONS) -> float:
    load, cpu = server.drive(server.one, body, connections, seconds)
    return load.good / cpu


def _lists(ours: Server, fastapi: Server, body: bytes, size: Size) -> Measurement:
    def rate(server: Server) -> float:
        load, cpu = server.drive(server.many, body, CONNECTIONS, SECONDS[size])
        return load.good * MANY / cpu

    figure = Figure("serving_list_vs_fastapi", "records/cpu-s", True, f"lists of {MANY} records")
    other = "FastAPI, pydantic, ONNX Runtime"
    return compare(figure, other, partial(rate, ours), partial(rate, fastapi), ROUNDS[size])


def _p99(ours: Server, body: bytes, size: Size) -> Measurement:
    def p99() -> float:
        load, _ = ours.drive(ours.one, body, CONNECTIONS, SECONDS[size])
        return load.percentile(99)

    data = f"{CONNECTIONS} connections, the client on the same machine"
    return hold(Figure("serving_p99_ms", "ms", False, data), P99_MS, p99, ROUNDS[size])


def _overload(ours: Server, body: bytes, size: Size) -> Measurement:
    """Good answers per processor second when three times too many ask, as part of the usual."""

    def share() -> float:
        usual = _rate(ours, body, SECONDS[size])
        load, cpu = ours.drive(ours.one, body, OVERLOAD, SECONDS[size])
        assert set(load.statuses) <= {200, 503}, load.statuses
        return load.good / cpu / usual

    data = f"{OVERLOAD:,} connections where 512 requests at a time are taken"
    note = "good answers per processor second under overload, as part of those at 32 connections"
    figure = Figure("serving_overload_goodput", "of usual", True, data, note)
    return hold(figure, GOODPUT, share, ROUNDS[size])


@contextmanager
def _server(folder: Path, script: str, one: str, many: str) -> Iterator[Server]:
    port = free_ports(1)[0]
    command = [sys.executable, "-m", f"bench.opponents.serving.{script}", str(folder), str(port)]
    with subprocess.Popen(
        command, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, stderr=subprocess.DEVNULL,
        preexec_fn=die_with_parent(),
    ) as process:  # fmt: skip
        try:
            patiently(lambda: _answers(port, process), f"{script} to answer")
            yield Server(psutil.Process(process.pid), port, one, many)
        finally:
            process.terminate()


def _answers(port: int, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "the server ended"
    try:
        httpx.get(f"http://127.0.0.1:{port}/")
    except httpx.TransportError:
        return False
    return True


def _require_equal(servers: list[Server], records: list[dict[str, float]]) -> None:
    """All servers give the same probabilities, but for the last digits of the libraries' sums."""
    found = []
    for server in servers:
        headers = {"Authorization": f"Bearer {model.TOKEN}"}
        address = f"http://127.0.0.1:{server.port}{server.many}"
        answer = httpx.post(address, json=records, headers=headers, timeout=60).json()
        items = answer["predictions"] if isinstance(answer, dict) else answer
        found.append([min(max(one["probability"], 0.001), 0.999) for one in items])
    for other in found[1:]:
        assert max(abs(a - b) for a, b in zip(found[0], other, strict=True)) < 1e-6
