"""Ways to tell somebody, and the one that acts: webhook, mail, retraining."""

from __future__ import annotations

import json
import logging
import smtplib
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from email.message import EmailMessage
from importlib.machinery import PathFinder
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from lakehouse.errors import SettingsError
from lakehouse.settings import ROOT, Settings
from lakehouse.settings.model import MonitoringSettings
from lakehouse.settings.secrecy import HIDDEN
from monitoring.alerts import Channel, Notice

LOG = logging.getLogger(__name__)

TIMEOUT_S = 10.0
SENDER = "cdrlake@localhost"
TRAIN = (sys.executable, "-m", "cdrlake.cli", "train")


class Webhook:
    """POST of `{"text": ...}`, as Slack and its kin take it."""

    name = "webhook"

    def __init__(self, url: SecretStr) -> None:
        self._url = url

    def send(self, notice: Notice) -> None:
        """Deliver; raises `OSError` when the other side does not take it."""
        body = json.dumps({"text": notice.text}).encode()
        request = urllib.request.Request(  # noqa: S310 the address is the operator's own setting
            self._url.get_secret_value(), body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=TIMEOUT_S):  # noqa: S310
            pass


class Mail:
    """Mail by `smtp://` (with STARTTLS where offered) or `smtps://`, with or without login."""

    name = "mail"

    def __init__(self, url: SecretStr, to: str) -> None:
        self._url, self._to = url, to

    def send(self, notice: Notice) -> None:
        """Deliver; raises `OSError` or `SMTPException` when the server does not take it."""
        place = urlsplit(self._url.get_secret_value())
        message = EmailMessage()
        message["Subject"] = notice.text.splitlines()[0]
        message["From"], message["To"] = SENDER, self._to
        message.set_content(notice.text)
        secure = place.scheme == "smtps"
        kind = smtplib.SMTP_SSL if secure else smtplib.SMTP
        with kind(place.hostname or "", place.port or 0, timeout=TIMEOUT_S) as server:
            server.ehlo()
            if not secure and server.has_extn("starttls"):
                server.starttls()
            if place.username:
                server.login(unquote(place.username), unquote(place.password or ""))
            server.send_message(message)


class Retrain:
    """Starts a training, which still has to pass its gates, when a finding asks for it."""

    name = "retrain"

    def __init__(self, findings: tuple[str, ...], log: Path) -> None:
        self._findings, self._log = findings, log
        self._running: subprocess.Popen[bytes] | None = None

    def send(self, notice: Notice) -> None:
        """Start one, unless one is under way."""
        if notice.kind != "found" or notice.finding not in self._findings:
            return
        if self._running is not None and self._running.poll() is None:
            LOG.info("a training is under way already")
            return
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self._running = subprocess.Popen(TRAIN, cwd=ROOT, stdout=log, stderr=log)
        LOG.warning("%s: training started, log in %s", notice.finding, self._log)


def channels(settings: Settings) -> list[Channel]:
    """The channels that the settings ask for.

    Raises `SettingsError` for half a mail setting, an address that is none, and a training where
    there is no Spark.
    """
    return list(_channels(settings, settings.monitoring))


def _channels(settings: Settings, chosen: MonitoringSettings) -> Iterator[Channel]:
    if chosen.webhook_url is not None:
        if not _is_address(chosen.webhook_url.get_secret_value()):
            raise SettingsError(
                "setting monitoring.webhook_url", "an address that begins with http:// or https://",
                HIDDEN, "correct it in the environment",
            )  # fmt: skip
        yield Webhook(chosen.webhook_url)
    if chosen.smtp_url is not None:
        scheme = urlsplit(chosen.smtp_url.get_secret_value()).scheme
        if chosen.alert_to is None or scheme not in ("smtp", "smtps"):
            raise SettingsError(
                "setting monitoring.smtp_url", "smtp:// or smtps:// and monitoring.alert_to",
                HIDDEN, "correct it in the environment",
            )  # fmt: skip
        yield Mail(chosen.smtp_url, chosen.alert_to)
    if chosen.retrain_on:
        # Not by the import system, from which Spark is hidden while NannyML is loaded.
        if PathFinder.find_spec("pyspark") is None:
            raise SettingsError(
                "setting monitoring.retrain_on", "an installation with Spark, to train in",
                "one without", "leave it out here and start `cdrlake train` where Spark is",
            )  # fmt: skip
        yield Retrain(chosen.retrain_on, settings.state / "logs" / "retrain.log")


def _is_address(text: str) -> bool:
    """Whether a request can be made to it; an error of the request would print the address."""
    try:
        place = urlsplit(text)
    except ValueError:
        return False
    is_plain = text.isascii() and text.isprintable() and " " not in text
    return is_plain and place.scheme in ("http", "https") and bool(place.hostname)
