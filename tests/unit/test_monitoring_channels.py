"""What webhooks and mails receive, and which channels the settings ask for."""

from __future__ import annotations

import json
import socketserver
import threading
from datetime import UTC, datetime
from email import message_from_string, policy
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, cast

import pytest
from pydantic import SecretStr

from lakehouse.errors import MonitoringError, SettingsError
from monitoring.alerts import Alert
from monitoring.channels import Mail, Webhook, channels
from tests.unit.monitoring_reports import settings

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


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
