"""Each finding is told once when it begins and once when it ends."""

from __future__ import annotations

import json
import socketserver
import sys
import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email import message_from_string, policy
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pydantic import SecretStr

from lakehouse.clock import FixedClock
from lakehouse.domain import Scored
from lakehouse.domains.cdr.domain import CHURN
from lakehouse.domains.settings import Settings
from lakehouse.errors import MonitoringError, SettingsError
from monitoring.alerts import Alert, Alerts
from monitoring.analysis.findings import Finding, FindingName, State
from monitoring.channels import Mail, Webhook, channels
from monitoring.report import Report
from monitoring.retrain import Retrain
from monitoring.site import sites
from monitoring.wiring import _retrain

QUIET = timedelta(minutes=60)
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def settings(**monitoring: Any) -> Settings:
    return Settings.model_validate({"monitoring": monitoring})


@dataclass
class Recorder:
    """A channel that remembers, and refuses while it is told to."""

    name: str = "recorder"
    down: bool = False
    sent: list[Alert] = field(default_factory=list)

    def send(self, notice: Alert) -> None:
        if self.down:
            raise OSError("unreachable")
        self.sent.append(notice)

    @property
    def kinds(self) -> list[tuple[str, str]]:
        return [(notice.finding, notice.kind) for notice in self.sent]


def report(**states: State) -> Report:
    found = tuple(
        Finding(cast(FindingName, name), state, "2026-06-01", ("volume: far",), ())
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
        Alert("data_drift", "found", "hello")
    )
    thread.join(10)
    server.server_close()
    assert bodies == [{"text": "hello"}]


def test_a_webhook_keeps_its_path_and_query_and_says_when_it_is_refused() -> None:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(500)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/services/s3cret/x?key=a%2Fb"
    with pytest.raises(MonitoringError, match="alert channel webhook") as error:
        Webhook(SecretStr(address)).send(Alert("data_drift", "found", "hello"))
    server.shutdown()
    server.server_close()
    assert set(asked) == {"/services/s3cret/x?key=a%2Fb"}
    assert "s3cret" not in str(error.value)


class Lines(socketserver.StreamRequestHandler):
    """A mail server that takes everything, and says nothing of STARTTLS."""

    def handle(self) -> None:
        self.reply("220 here")
        while line := self.rfile.readline().decode().strip():
            cast(Any, self.server).seen.append(line)
            if line.upper() == "DATA":
                self.reply("354 go on")
                while (line := self.rfile.readline().decode().rstrip("\r\n")) != ".":
                    cast(Any, self.server).seen.append(line)
            self.reply("221 bye" if line.upper() == "QUIT" else "250 fine")

    def reply(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


def mailed(text: str) -> list[str]:
    """The lines that a mail server is given when an alert of this text is sent by mail."""
    seen: list[str] = []
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Lines) as server:
        server.daemon_threads = True
        cast(Any, server).seen = seen
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = SecretStr(f"smtp://127.0.0.1:{server.server_address[1]}")
        Mail(address, "somebody@example.org").send(Alert("data_drift", "found", text))
        server.shutdown()
    return seen


def test_mail_has_the_first_line_as_its_subject() -> None:
    seen = mailed("Data drift, model version 3: found\n- volume: far")
    assert "Subject: Data drift, model version 3: found" in seen
    assert any("<somebody@example.org>" in line for line in seen if line.upper()[:4] == "RCPT")


def test_what_a_mail_program_would_obey_is_sent_as_text() -> None:
    text = "Data drift\r of \x1b[2J: found\n- <img src=//evil.test> of gnp.\u202efdp: far"
    mail = message_from_string("\n".join(_message(mailed(text))), policy=policy.default)
    body = mail.get_body(("plain",))
    assert body is not None
    assert mail["Subject"] == "Data drift\\r of \\x1b[2J: found"
    assert body.get_content().splitlines()[1] == "- <img src=//evil.test> of gnp.\\u202efdp: far"
    assert mail.get_body(("html",)) is None


def _message(lines: list[str]) -> list[str]:
    return lines[[line.upper() for line in lines].index("DATA") + 1 : -1]


@dataclass
class Trainings:
    """What would have been started, and whether it is still running."""

    started: list[Any] = field(default_factory=list)
    is_running: bool = False

    def __call__(self, command: Any, **_: Any) -> Trainings:
        self.started.append(command)
        self.is_running = True
        return self

    def poll(self) -> int | None:
        return None if self.is_running else 1


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> Trainings:
    found = Trainings()
    monkeypatch.setattr("monitoring.retrain.subprocess.Popen", found)
    return found


def retraining(folder: Path, clock: FixedClock) -> Retrain:
    again = timedelta(hours=24)
    return Retrain(("model_drift", "model_degradation"), ("train",), folder, again, clock)


def test_training_starts_only_for_the_findings_that_ask_for_it(
    tmp_path: Path, trainings: Trainings
) -> None:
    retrain = retraining(tmp_path / "logs", FixedClock(NOW))
    for states in ({"data_drift": "found"}, {"model_drift": "ok"}, {"model_drift": "found"}):
        retrain(report(**cast(Any, states)))
    assert trainings.started == [("train",)]


def test_a_finding_that_appears_during_a_training_is_answered_after_it(
    tmp_path: Path, trainings: Trainings
) -> None:
    retrain = retraining(tmp_path, FixedClock(NOW))
    retrain(report(model_drift="found"))
    retrain(report(model_drift="found", model_degradation="found"))
    assert len(trainings.started) == 1, "one at a time"
    trainings.is_running = False
    retrain(report(model_drift="found", model_degradation="found"))
    assert len(trainings.started) == 2


def test_a_finding_that_outlasts_a_refused_training_is_answered_again_a_day_later(
    tmp_path: Path, trainings: Trainings
) -> None:
    clock = FixedClock(NOW)
    retraining(tmp_path, clock)(report(model_drift="found"))
    trainings.is_running = False
    again = retraining(tmp_path, clock)
    clock.advance(timedelta(hours=23).total_seconds())
    again(report(model_drift="found"))
    assert len(trainings.started) == 1, "an attempt outlives the process"
    clock.advance(timedelta(hours=1).total_seconds())
    again(report(model_drift="found"))
    assert len(trainings.started) == 2


def test_channels_follow_the_settings() -> None:
    assert channels(settings()) == []
    full = settings(
        webhook_url="http://x",
        smtp_url="smtp://mail:25",
        alert_to="a@b",
        alert_urls=["json://hooks.test/s3cret"],
    )
    assert [channel.name for channel in channels(full)] == ["webhook", "mail", "alert_url_1"]
    with pytest.raises(SettingsError, match="alert_urls") as unknown:
        channels(settings(alert_urls=["nonsense://s3cret"]))
    assert "s3cret" not in str(unknown.value)
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


def commands(chosen: Settings, *others: Scored) -> list[Any]:
    found = sites(chosen, [CHURN, *others])
    listeners = [_retrain(chosen, site, FixedClock(NOW)) for site in found]
    return [[cast(Retrain, one)._command for one in some] for some in listeners]


def test_the_command_of_a_training_is_a_setting() -> None:
    other = replace(CHURN, model="other")
    assert commands(settings()) == [[]]
    plain = settings(retrain_on=["data_drift"])
    assert commands(plain, other) == [[(sys.executable, "-m", "cdrlake.cli", "train")], []]
    named = settings(retrain_on=["data_drift"], retrain_command=["train-it", "{model}"])
    assert commands(named, other) == [[("train-it", CHURN.model)], [("train-it", "other")]]


def test_a_training_is_refused_where_there_is_no_spark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitoring.wiring.PathFinder.find_spec", lambda _name: None)
    with pytest.raises(SettingsError, match=r"retrain_on.*Spark"):
        commands(settings(retrain_on=["data_drift"]))


def test_a_training_is_not_refused_while_spark_is_hidden() -> None:
    from monitoring.analysis.nanny import _light

    with _light():
        assert commands(settings(retrain_on=["data_drift"]))[0]
