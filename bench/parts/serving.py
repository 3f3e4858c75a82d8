"""Served models beside other servers of the same forest: FastAPI, Flask, MLflow's, Ray Serve.

One worker each, bearer token (but for MLflow's, which has none), validated records. What is
compared is requests per second of processor time, of the server and of all that it starts, which
other work on the machine does not change much.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import msgspec
import psutil

from bench import http_load
from bench.http_load import Load
from bench.measure import ROUNDS, Figure, Measurement, Name, Size, compare, hold
from bench.opponents import apart, ray_serve
from bench.opponents.serving import model, served
from bench.stand import Stand, scratch
from cdrlake.services.ports import free_ports
from cdrlake.waiting import patiently
from lakehouse.children import die_with_parent
from lakehouse.settings import ROOT

SECONDS = {"small": 0.5, "full": 4.0}
CONNECTIONS, MANY, OTHER_CONNECTIONS = 32, 100, (1, 256)
WITH_FASTAPI = "FastAPI, pydantic, ONNX Runtime"
P99_MS, GOODPUT = 6.0, 0.9
# Three times as many connections as a process takes requests at a time.
OVERLOAD = 3 * 512
# One core each. MLflow's server reads its model from a pickle, which we forbid elsewhere.
SWITCHES = {"OMP_NUM_THREADS": "1", "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "true"}
NOTE = (
    "requests per second of the server's processor time at 32 connections, a record of 29 features "
    "each; ours also logs every prediction"
)


@dataclass(frozen=True)
class Kind:
    """How a server is started, where it takes one record and many, and in which form."""

    module: str
    one: str
    many: str
    form: Callable[[Any], Any] = lambda body: body
    python: str = sys.executable
    variables: Mapping[str, str] = field(default_factory=dict)
    # Whether to go on where connections get no answer, as waitress's beyond its hundredth.
    may_lose: bool = True


def _frame(body: Any) -> Any:
    return {"dataframe_records": body if isinstance(body, list) else [body]}


PREDICT = f"/models/{served.NAME}/predict"
OURS = Kind("serving.ours", PREDICT, PREDICT, may_lose=False)
FASTAPI = Kind("serving.fastapi_onnx", "/predict", "/predict_many")
FLASK = Kind("serving.flask_sklearn", "/predict", "/predict")
MLFLOW = Kind("serving.mlflow_server", "/invocations", "/invocations", _frame)


def ray() -> Kind:
    """Ray Serve, whose environment is made by the first call."""
    python = str(apart.python_of(ray_serve.HOME))
    variables = ray_serve.VARIABLES
    return Kind("ray_serve.server", "/predict", "/predict_many", FASTAPI.form, python, variables)


@dataclass(frozen=True)
class Server:
    """A running server."""

    kind: Kind
    process: psutil.Process
    port: int

    def ask(self, body: Any) -> httpx.Response:
        """The answer to one request. Raises `httpx.TransportError` where nobody listens."""
        path = self.kind.many if isinstance(body, list) else self.kind.one
        types = {"Authorization": f"Bearer {served.TOKEN}", "Content-Type": "application/json"}
        address = f"http://127.0.0.1:{self.port}{path}"
        return httpx.post(address, content=self.encoded(body), timeout=600, headers=types)

    def drive(self, body: Any, connections: int, seconds: float) -> tuple[Load, float]:
        """What a load gets, and the processor seconds that it takes.

        Where nothing is answered in time, as by a slow server on a busy machine, it lasts longer.
        """
        path, data = self.kind.many if isinstance(body, list) else self.kind.one, self.encoded(body)
        load = Load()
        while not load.statuses and seconds < http_load.PATIENCE_S:
            before = self._cpu()
            load = http_load.fastest(self.port, path, data, served.TOKEN, connections, seconds)
            seconds *= 2
        assert load.good and len(load.statuses) == 1, load.statuses
        assert self.kind.may_lose or not load.lost, f"{load.lost} connections got no answer"
        return load, self._cpu() - before

    def flood(self, body: Any, seconds: float) -> tuple[Load, float]:
        """The same with too many connections, some of whose requests may be turned away."""
        before = self._cpu()
        data = http_load.request(self.kind.one, self.encoded(body), served.TOKEN)
        load = http_load.run(self.port, data, OVERLOAD, seconds)
        assert set(load.statuses) <= {200, 429, 503} and not load.lost, load.statuses
        return load, self._cpu() - before

    def encoded(self, body: Any) -> bytes:
        """A record, or a list of them, as this server takes it."""
        return json.dumps(self.kind.form(body)).encode()

    def _cpu(self) -> float:
        """Processor seconds of the server and of all that it started."""
        found = [one.cpu_times() for one in (self.process, *self.process.children(recursive=True))]
        return float(sum(one.user + one.system for one in found))


def run(size: Size, _: Stand) -> Iterator[Measurement]:
    """All figures. Raises `AssertionError` when two servers give other probabilities."""
    seconds = SECONDS[size]
    with scratch() as folder, ExitStack() as stack:
        records = model.make(folder)

        def start(kind: Kind) -> Server:
            return stack.enter_context(_server(folder, kind, records[0]))

        ours, fastapi = start(OURS), start(FASTAPI)
        flask, mlflow, rays = start(FLASK), start(MLFLOW), start(ray())
        _require_equal([ours, fastapi, flask, mlflow, rays], records)
        rate = partial(_rate, body=records[0], seconds=seconds)
        yield _against("serving_vs_fastapi", WITH_FASTAPI, rate, ours, fastapi, size)
        yield _against("serving_vs_flask", "Flask, waitress, scikit-learn", rate, ours, flask, size)
        yield _against("serving_vs_mlflow", "MLflow's scoring server", rate, ours, mlflow, size)
        yield _against("serving_vs_ray", "Ray Serve, ONNX Runtime", rate, ours, rays, size)
        yield _lists(ours, fastapi, records, size)
        yield _p99(ours, records[0], size)
        yield _overload(ours, records[0], size)


def _against(
    name: Name, other: str, rate: Callable[..., float], ours: Server, theirs: Server, size: Size
) -> Measurement:
    data = f"{served.TREES} trees of depth {served.DEPTH}, {served.FEATURES} features"
    figure = Figure(name, "requests/cpu-s", True, data)
    measured = compare(figure, other, partial(rate, ours), partial(rate, theirs), ROUNDS[size])
    # Last, for a server may go on with the requests of many connections after they have ended.
    others = ", ".join(
        f"{rate(ours, connections=many) / rate(theirs, connections=many):.1f} at {many}"
        for many in OTHER_CONNECTIONS
    )
    return msgspec.structs.replace(measured, note=f"{NOTE}; the ratio is {others}")


def _rate(server: Server, body: Any, seconds: float, connections: int = CONNECTIONS) -> float:
    load, cpu = server.drive(body, connections, seconds)
    return load.good / cpu


def _lists(ours: Server, fastapi: Server, records: list[Any], size: Size) -> Measurement:
    def rate(server: Server) -> float:
        load, cpu = server.drive(records, CONNECTIONS, SECONDS[size])
        return load.good * MANY / cpu

    figure = Figure("serving_list_vs_fastapi", "records/cpu-s", True, f"lists of {MANY} records")
    return compare(figure, WITH_FASTAPI, partial(rate, ours), partial(rate, fastapi), ROUNDS[size])


def _p99(ours: Server, record: Any, size: Size) -> Measurement:
    def p99() -> float:
        load, _ = ours.drive(record, CONNECTIONS, SECONDS[size])
        return load.percentile(99)

    data = f"{CONNECTIONS} connections, the client on the same machine"
    return hold(Figure("serving_p99_ms", "ms", False, data), P99_MS, p99, ROUNDS[size])


def _overload(ours: Server, record: Any, size: Size) -> Measurement:
    """Good answers per processor second when three times too many ask, as part of the usual."""

    def share() -> float:
        usual = _rate(ours, record, SECONDS[size])
        load, cpu = ours.flood(record, SECONDS[size])
        return load.good / cpu / usual

    data = f"{OVERLOAD:,} connections where 512 requests at a time are taken"
    note = (
        "good answers per processor second under overload, as part of those at 32 connections; who "
        "is turned away asks again after a second, as Retry-After says"
    )
    figure = Figure("serving_overload_goodput", "of usual", True, data, note)
    return hold(figure, GOODPUT, share, ROUNDS[size])


@contextmanager
def _server(folder: Path, kind: Kind, record: Any) -> Iterator[Server]:
    """A server that has answered for this record."""
    port, log = free_ports(1)[0], folder / f"{kind.module}.log"
    command = [kind.python, "-m", f"bench.opponents.{kind.module}", str(folder), str(port)]
    with log.open("wb") as errors, subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **SWITCHES, **kind.variables}, stderr=errors,
        preexec_fn=die_with_parent(),
    ) as process:  # fmt: skip
        server = Server(kind, psutil.Process(process.pid), port)

        def answers() -> bool:
            assert process.poll() is None, f"the server ended: {log.read_text()[-2000:]}"
            try:
                return server.ask(record).status_code == httpx.codes.OK
            except httpx.TransportError:
                return False

        try:
            patiently(answers, f"{kind.module} to answer")
            yield server
        finally:
            process.terminate()


def _require_equal(servers: list[Server], records: list[dict[str, float]]) -> None:
    """All servers give the same probabilities, but for the last digits of the libraries' sums."""
    found = []
    for server in servers:
        answer = server.ask(records).json()
        items = answer["predictions"] if isinstance(answer, dict) else answer
        told = [one["probability"] if isinstance(one, dict) else one[1] for one in items]
        found.append([min(max(one, 0.001), 0.999) for one in told])
    for other in found[1:]:
        assert max(abs(a - b) for a, b in zip(found[0], other, strict=True)) < 1e-6
