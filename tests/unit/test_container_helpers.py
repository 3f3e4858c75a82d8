"""What containers run beside the services: preparation, waiting, health checks."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from cdrlake.services.ports import free_ports
from cdrlake.waiting import patiently, patiently_ended
from lakehouse.children import die_with_parent
from lakehouse.clock import FixedClock, SystemClock
from lakehouse.domains.cdr import names
from lakehouse.domains.fraud import names as fraud
from lakehouse.domains.settings import load
from lakehouse.errors import SettingsError
from lakehouse.names import QueryIdentity
from lakehouse.progress import QueryProgress, State, write_query
from lakehouse.registry import Registry
from lakehouse.registry.stores import MemoryStore

DOCKER = Path(__file__).resolve().parents[2] / "docker"
MINUTE = timedelta(minutes=1)


def script(name: str) -> dict[str, Any]:
    return runpy.run_path(str(DOCKER / name))


class Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 503)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def address() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_page_is_healthy_when_it_answers_with_success(address: str) -> None:
    main = script("healthy.py")["main"]
    assert main(["http", f"{address}/health"]) == 0
    assert main(["http", f"{address}/elsewhere"]) == 1
    assert main(["http", "http://127.0.0.1:1/health"]) == 1
    assert main(["guess"]) == 2


@pytest.mark.parametrize(
    ("state", "age", "healthy"),
    [
        ("running", MINUTE, True),
        ("running", 6 * MINUTE, False),
        ("failed", MINUTE, False),
        ("stopped", MINUTE, False),
    ],
)
@pytest.mark.parametrize(
    ("job", "queries"), [("cdr_ingest", names.QUERIES), ("fraud_ingest", fraud.QUERIES)]
)
def test_a_job_is_healthy_when_all_its_queries_reported_lately_that_they_run(
    tmp_path: Path,
    state: State,
    age: timedelta,
    healthy: bool,
    job: str,
    queries: Sequence[QueryIdentity],
) -> None:
    queries_run = script("healthy.py")["queries_run"]
    settings = load({"CDRLAKE_STATE_DIR": str(tmp_path)})
    at = SystemClock().now() - age
    first, *others = [query.name for query in queries if query.job == job]
    write_query(tmp_path, QueryProgress(first, state, at))
    assert others
    assert not queries_run(settings, [job])
    for name in others:
        write_query(tmp_path, QueryProgress(name, "running", SystemClock().now()))
    assert queries_run(settings, [job]) is healthy
    assert not queries_run(settings, ["no_such_job"])


def test_a_model_is_a_champion_and_a_refused_version_is_judged(
    make_bundle: Callable[..., tuple[Path, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    main = script("healthy.py")["main"]
    clock = FixedClock(datetime(2026, 6, 1, tzinfo=UTC))
    registry = Registry(MemoryStore(tmp_path / "registry"), clock)
    monkeypatch.setitem(main.__globals__, "open_registry", lambda *_: registry)
    registry.register(*make_bundle())
    assert (main(["judged"]), main(["model"])) == (1, 1)
    registry.refuse(1, "too little gained")
    assert (main(["judged"]), main(["model"])) == (0, 1)
    registry.promote(1, "by hand")
    assert (main(["judged"]), main(["model"])) == (0, 0)


@pytest.fixture
def container(tmp_path: Path) -> Path:
    """A folder as a container has it, whose Python says yes when asked for the third time."""
    (tmp_path / "docker").mkdir()
    for name, lines in {
        "python": 'echo "$*" >>asked; [ "$(wc -l <asked)" -ge 3 ]',
        "docker/submit.sh": 'echo "submitted $*"',
    }.items():
        (tmp_path / name).write_text(f"#!/usr/bin/env bash\n{lines}\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    return tmp_path


def entry(container: Path, name: str) -> subprocess.CompletedProcess[str]:
    path = f"{container}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [str(DOCKER / name)],
        cwd=container,
        env={"PATH": path, "WAIT_SECONDS": "0"},
        capture_output=True,
        text=True,
    )


def test_scoring_waits_for_the_first_champion(container: Path) -> None:
    done = entry(container, "score.sh")
    assert done.stdout.splitlines()[-1] == "submitted cdr_score"
    assert (container / "asked").read_text() == "docker/healthy.py model\n" * 3


def test_training_goes_to_the_cluster_until_a_version_has_been_judged(container: Path) -> None:
    said = [entry(container, "train.sh").stdout for _ in range(3)]
    assert said == ["submitted cdr_train\n", "submitted cdr_train\n", ""]
    assert (container / "asked").read_text() == "docker/healthy.py judged\n" * 3


def jobs_page(environment: dict[str, str], state: Path, host: str = "127.0.0.1") -> Any:
    """A client of the page of the queries."""
    loaded = load(environment | {"CDRLAKE_STATE_DIR": str(state)})
    return script("jobs_page.py")["create_app"](loaded, host).test_client()


def test_the_page_of_the_queries_tells_of_them_in_metrics(tmp_path: Path) -> None:
    name = names.QUERIES[0].name
    write_query(tmp_path, QueryProgress(name, "running", SystemClock().now()))
    client = jobs_page({}, tmp_path)
    assert f'cdrlake_query_running{{query="{name}"}} 1.0' in client.get("/metrics").text
    assert client.get("/health").get_json() == {"status": "ok"}
    assert client.get("/metrics", headers={"Host": "evil.test"}).status_code == 403


def test_the_metrics_of_the_queries_are_open_by_setting(tmp_path: Path) -> None:
    own = {"CDRLAKE_API_TOKEN": "t", "CDRLAKE_API__ALLOWED_HOSTS": "[jobs]"}
    for is_open, status in (("true", 200), ("false", 401)):
        client = jobs_page(own | {"CDRLAKE_API__OPEN_METRICS": is_open}, tmp_path, "0.0.0.0")
        headers = {"Host": "jobs:5003"}
        assert client.get("/metrics", headers=headers).status_code == status
        headers |= {"Authorization": "Bearer t"}
        assert client.get("/metrics", headers=headers).status_code == 200


def test_the_page_of_the_queries_is_for_this_machine_unless_there_is_a_token(
    tmp_path: Path,
) -> None:
    jobs_page({"CDRLAKE_API_TOKEN": "t"}, tmp_path, "0.0.0.0")
    jobs_page({}, tmp_path)
    with pytest.raises(SettingsError, match=r"jobs_page\.py.*0\.0\.0\.0.*CDRLAKE_API_TOKEN"):
        jobs_page({}, tmp_path, "0.0.0.0")


def test_the_page_of_the_queries_ends_when_it_is_told_to(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    page = subprocess.Popen(
        [sys.executable, str(DOCKER / "jobs_page.py"), str(port)],
        env={"CDRLAKE_STATE_DIR": str(tmp_path), "PYTHONPATH": str(DOCKER.parent)},
        preexec_fn=die_with_parent(),
    )
    try:
        main = script("healthy.py")["main"]
        url = f"http://127.0.0.1:{port}/health"
        patiently(lambda: main(["http", url]) == 0, "the page of the queries")
    finally:
        page.terminate()
    assert patiently_ended(page) == 0


@pytest.mark.parametrize("name", ["prepare.py", "relayed.py"])
def test_a_database_that_is_away_is_one_sentence_and_a_failure(name: str, tmp_path: Path) -> None:
    environment = {
        "CDRLAKE_STATE_DIR": str(tmp_path),
        "CDRLAKE_MYSQL__PORT": "1",
        "CDRLAKE_MYSQL__PASSWORD": "none",
        "PYTHONPATH": str(DOCKER.parent),
    }
    done = subprocess.run(
        [sys.executable, str(DOCKER / name)], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "database at 127.0.0.1:1: expected a connection" in done.stderr
    assert "Traceback" not in done.stderr
