"""Ways to reach people: one Apprise address per channel, made from the settings."""

from __future__ import annotations

import logging
import smtplib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import SecretStr

from lakehouse.display import printable
from lakehouse.errors import MonitoringError, SettingsError
from lakehouse.settings import Settings
from lakehouse.settings.monitoring import MonitoringSettings
from lakehouse.settings.secrecy import HIDDEN
from monitoring.alerts import Alert

TIMEOUT_S = 10.0
SENDER = "cdrlake@localhost"
# The body that Slack and its kin take is `{"text": ...}` and nothing else.
_SLACK_BODY = {"message": "text", "version": "", "title": "", "type": "", "attachments": ""}


class _Notifier(Protocol):
    """The part of Apprise that is used."""

    def notify(self, body: str, title: str, attach: Any = None) -> Any:
        """Deliver; falsy on failure."""
        ...


class ApprisedChannel:
    """A channel that delivers through Apprise."""

    def __init__(self, name: str) -> None:
        self.name = name
        # Apprise logs addresses, in which secrets are; what failed is said here instead.
        logging.getLogger("apprise").setLevel(logging.CRITICAL)

    def send(self, alert: Alert) -> None:
        """Deliver; raises `MonitoringError` when the other side does not accept it."""
        self.tell(alert.text, alert.text.partition("\n")[0])

    def tell(self, text: str, title: str, attached: Path | None = None) -> None:
        """Deliver a text under a title, and a file if there is one; raises as `send` does.

        Characters that would do anything but show themselves are escaped.
        """
        file = None if attached is None else _attachment(attached)
        body, heading = printable(text, keep="\n"), printable(title)
        if not self._notifier().notify(body=body, title=heading, attach=file):
            raise MonitoringError(
                f"alert channel {self.name}", "the receiver to accept the alert",
                "a refusal or no answer", "check the address; it is sent again after the next run",
            )  # fmt: skip

    def _notifier(self) -> _Notifier:
        raise NotImplementedError


class Webhook(ApprisedChannel):
    """POST of `{"text": ...}`, as accepted by Slack and similar services."""

    def __init__(self, url: SecretStr) -> None:
        super().__init__("webhook")
        self._url = url

    def _notifier(self) -> _Notifier:
        from apprise.plugins.custom_json import NotifyJSON

        place = urlsplit(self._url.get_secret_value())
        found: _Notifier = NotifyJSON(
            host=place.hostname,
            port=place.port,
            user=unquote(place.username) if place.username else None,
            password=unquote(place.password) if place.password else None,
            secure=place.scheme == "https",
            fullpath=place.path or "/",
            params=dict(parse_qsl(place.query, keep_blank_values=True)),
            payload=dict(_SLACK_BODY),
            rto=TIMEOUT_S,
            cto=TIMEOUT_S,
        )
        return found


class Mail(ApprisedChannel):
    """Mail by `smtp://` (with STARTTLS where offered) or `smtps://`, with or without login."""

    def __init__(self, url: SecretStr, to: str) -> None:
        super().__init__("mail")
        self._url, self._to = url, to

    def _notifier(self) -> _Notifier:
        from apprise.plugins.email.base import NotifyEmail

        place = urlsplit(self._url.get_secret_value())
        secure = place.scheme == "smtps"
        port = place.port or (smtplib.SMTP_SSL_PORT if secure else smtplib.SMTP_PORT)
        host = place.hostname or ""
        mode = "ssl" if secure else "starttls" if _offers_tls(host, port) else "insecure"
        found: _Notifier = NotifyEmail(
            smtp_host=host,
            host=host,
            port=port,
            user=unquote(place.username) if place.username else None,
            password=unquote(place.password or "") if place.username else None,
            from_addr=SENDER,
            targets=[self._to],
            secure=mode != "insecure",
            secure_mode=mode,
            format="text",
            rto=TIMEOUT_S,
            cto=TIMEOUT_S,
        )
        return found


class AppriseUrl(ApprisedChannel):
    """Any service that Apprise supports, by its address."""

    def __init__(self, url: SecretStr, number: int) -> None:
        super().__init__(f"alert_url_{number}")
        self._url = url

    def _notifier(self) -> _Notifier:
        import apprise

        found: _Notifier | None = apprise.Apprise.instantiate(self._url.get_secret_value())
        if found is None:
            raise SettingsError(
                "setting monitoring.alert_urls", "addresses that Apprise knows", HIDDEN,
                "see Apprise's list of services",
            )  # fmt: skip
        return found

    def check(self) -> AppriseUrl:
        """The channel. Raises `SettingsError` for an address that Apprise does not know."""
        self._notifier()
        return self


def channels(settings: Settings) -> list[ApprisedChannel]:
    """The channels that the settings ask for.

    Raises `SettingsError` for incomplete mail settings and for an invalid address.
    """
    return list(_channels(settings.monitoring))


def _channels(chosen: MonitoringSettings) -> Iterator[ApprisedChannel]:
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
    for number, url in enumerate(chosen.alert_urls, 1):
        yield AppriseUrl(url, number).check()


def _attachment(path: Path) -> Any:
    from apprise import AppriseAttachment

    return AppriseAttachment(str(path))


def _offers_tls(host: str, port: int) -> bool:
    """Whether the server offers STARTTLS, which Apprise can only require or omit."""
    with smtplib.SMTP(host, port, timeout=TIMEOUT_S) as server:
        server.ehlo()
        return server.has_extn("starttls")


def _is_address(text: str) -> bool:
    """Whether a request can be made to it; an error of the request would print the address."""
    try:
        place = urlsplit(text)
        _ = place.port
    except ValueError:
        return False
    is_plain = text.isascii() and text.isprintable() and " " not in text
    return is_plain and place.scheme in ("http", "https") and bool(place.hostname)
