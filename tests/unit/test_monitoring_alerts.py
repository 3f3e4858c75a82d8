"""Each finding is told once when it begins and once when it ends."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pydantic import SecretStr

from lakehouse.clock import FixedClock
from lakehouse.domains.settings import Settings
from lakehouse.errors import SettingsError
from monitoring.alerts import Alerts, Notice
from monitoring.analysis.findings import Finding, FindingName, State
from monitoring.channels import Retrain, Webhook, channels
from monitoring.report import Report

QUIET = timedelta(minutes=60)
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def settings(**monitoring: Any) -> Settings:
    return Settings.model_validate({"monitoring": monitoring})


@dataclass
class Recorder:
    """A channel that remembers, and refuses while it is told to."""

    name: str = "recorder"
    down: bool = False
    sent: list[Notice] = field(default_factory=list)

    def send(self, notice: Notice) -> None:
        if self.down:
            raise OSError("unreachable")
        self.sent.append(notice)

    @property
    def kinds(self) -> list[tuple[str, str]]:
        return [(notice.finding, notice.kind) for notice in self.sent]


def report(**states: State) -> Report:
    found = tuple(
        Finding(cast(FindingName, name), state, date(2026, 6, 1), ("volume: far",), ())
        for name, state in states.items()
    )
    return cast(Report, SimpleNamespace(findings=found, model_version=3, run_id="r"))


def alerts(channel: Recorder, folder: Path, clock: FixedClock) -> Alerts:
    return Alerts([channel], folder, QUIET, clock)


def test_a_finding_is_told_once_and_its_end_once(tmp_path: Path) -> None:
    channel, clock = Recorder(), FixedClock(NOW)
    for state in ("ok", "found", "found", "ok", "ok"):
        alerts(channel, tmp_path, clock)(report(data_drift=state))
        clock.advance(QUIET.total_seconds())
    assert channel.kinds == [("data_drift", "found"), ("data_drift", "resolved")]
    assert channel.sent[0].text == (
        "Data drift, model version 3: found since 2026-06-01 (run r)\n- volume: far"
    )


def test_what_comes_and_goes_is_told_once_in_the_quiet_period(tmp_path: Path) -> None:
    channel, clock = Recorder(), FixedClock(NOW)
    telling = alerts(channel, tmp_path, clock)
    for state in ("found", "ok", "found", "ok"):
        telling(report(data_drift=state))
        clock.advance(60)
    assert channel.kinds == [("data_drift", "found")]
    clock.advance(QUIET.total_seconds())
    telling(report(data_drift="ok"))
    assert channel.kinds[-1] == ("data_drift", "resolved")


def test_findings_do_not_silence_each_other(tmp_path: Path) -> None:
    channel, clock = Recorder(), FixedClock(NOW)
    telling = alerts(channel, tmp_path, clock)
    telling(report(data_drift="found", model_drift="unknown"))
    telling(report(data_drift="found", model_drift="found"))
    assert channel.kinds == [("data_drift", "found"), ("model_drift", "found")]


def test_what_was_not_delivered_is_tried_again(tmp_path: Path) -> None:
    channel, clock = Recorder(down=True), FixedClock(NOW)
    telling = alerts(channel, tmp_path, clock)
    telling(report(data_drift="found"))
    channel.down = False
    telling(report(data_drift="found"))
    assert channel.kinds == [("data_drift", "found")]


def test_the_webhook_posts_json_that_slack_takes() -> None:
    bodies: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.handle_request)
    thread.start()
    Webhook(SecretStr(f"http://127.0.0.1:{server.server_port}/x")).send(
        Notice("data_drift", "found", "hello")
    )
    thread.join(10)
    server.server_close()
    assert bodies == [{"text": "hello"}]


def test_training_starts_only_for_the_findings_that_ask_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Any] = []

    class Process:
        def __init__(self, command: Any, **_: Any) -> None:
            started.append(command)

        def poll(self) -> None:
            return None

    monkeypatch.setattr("monitoring.channels.subprocess.Popen", Process)
    retrain = Retrain(("model_drift",), tmp_path / "log" / "retrain.log")
    for finding, kind in (("data_drift", "found"), ("model_drift", "resolved"),
                          ("model_drift", "found"), ("model_drift", "found")):  # fmt: skip
        retrain.send(Notice(cast(FindingName, finding), cast(Any, kind), ""))
    assert len(started) == 1
    assert started[0][-1] == "train"


def test_channels_follow_the_settings() -> None:
    assert channels(settings()) == []
    full = settings(
        webhook_url="http://x",
        smtp_url="smtp://mail:25",
        alert_to="a@b",
        retrain_on=["data_drift"],
    )
    assert [channel.name for channel in channels(full)] == ["webhook", "mail", "retrain"]
    with pytest.raises(SettingsError, match="alert_to") as error:
        channels(settings(smtp_url="smtp://u:secret@mail:25"))
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    "address",
    ["hooks.test/s3cret", "s3cret", "ftp://hooks.test/s3cret", "http://", "http://[s3cret",
     "https://hooks.test/a s3cret", "https://hooks.test/s3cret\n", "https://hooks.test/s3crét"],
)  # fmt: skip
def test_a_webhook_without_an_address_is_refused_and_not_printed(address: str) -> None:
    with pytest.raises(SettingsError, match=r"webhook_url.*http://") as error:
        channels(settings(webhook_url=address))
    assert "s3cr" not in str(error.value)


def test_a_training_is_refused_where_there_is_no_spark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitoring.channels.PathFinder.find_spec", lambda _name: None)
    with pytest.raises(SettingsError, match=r"retrain_on.*Spark"):
        channels(settings(retrain_on=["data_drift"]))


def test_a_training_is_not_refused_while_spark_is_hidden() -> None:
    from monitoring.analysis.nanny import _light

    with _light():
        assert channels(settings(retrain_on=["data_drift"]))
