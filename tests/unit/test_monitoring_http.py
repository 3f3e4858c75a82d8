"""Who may start a run of monitoring, and with which policy its files are served."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from flask.testing import FlaskClient

from lakehouse.clock import FixedClock
from lakehouse.domains.cdr.domain import CHURN
from lakehouse.domains.settings import Settings
from monitoring.errors import NotReadyError
from monitoring.output.folder import OutputFolder
from monitoring.watched import WatchedModel
from monitoring.web.app import create_app

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
RUN_ID = "20260701T120000Z-abcdef"


def nothing_yet(_request: Any) -> Any:
    raise NotReadyError("registry", "a champion", "none", "train a model first")


@pytest.fixture
def client(tmp_path: Path) -> FlaskClient:
    folder = tmp_path / "runs" / RUN_ID
    folder.mkdir(parents=True)
    for name in ("report.html", "report.json"):
        (folder / name).write_text("{}")
    service = SimpleNamespace(run=nothing_yet, output=OutputFolder(tmp_path), latest=None)
    watcher, poller = SimpleNamespace(notices=()), SimpleNamespace(failure=None)
    model = WatchedModel(CHURN, "", cast(Any, service), cast(Any, watcher), cast(Any, poller))
    return create_app(Settings(), [model], FixedClock(NOW)).test_client()


@pytest.mark.parametrize(
    ("site", "status"),
    [
        (None, 503),
        ("none", 503),
        ("same-origin", 503),
        ("same-site", 403),
        ("cross-site", 403),
        ("", 403),
    ],
)
def test_only_its_own_page_and_its_user_start_a_run(
    client: FlaskClient, site: str | None, status: int
) -> None:
    headers = {} if site is None else {"Sec-Fetch-Site": site}
    assert client.get("/run-monitoring", headers=headers).status_code == status


def test_only_the_page_of_a_run_may_have_its_style_within(client: FlaskClient) -> None:
    policies = [
        client.get(path).headers["Content-Security-Policy"]
        for path in (f"/runs/{RUN_ID}/report.html", f"/runs/{RUN_ID}/report.json", "/")
    ]
    assert ["'unsafe-inline'" in policy for policy in policies] == [True, False, False]
