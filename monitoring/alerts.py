"""Which findings to alert on now: each one once when it begins, and once when it ends."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from lakehouse.clock import Clock
from lakehouse.files import replace
from monitoring.analysis.findings import FindingName
from monitoring.report import Report

LOG = logging.getLogger(__name__)

TITLES: dict[FindingName, str] = {
    "data_drift": "Data drift",
    "model_drift": "Model drift",
    "model_degradation": "Model degradation",
}


class Alert(msgspec.Struct, frozen=True):
    """Something that people should be told."""

    finding: FindingName
    kind: Literal["found", "resolved"]
    text: str


class Sent(msgspec.Struct, frozen=True):
    """The last alert on a finding that a channel delivered."""

    kind: Literal["found", "resolved"]
    at: datetime


class Channel(Protocol):
    """A way to reach people; `name` identifies its stored state."""

    name: str

    def send(self, alert: Alert) -> None:
        """Deliver, or raise; undelivered alerts are retried after the next run."""
        ...


class Alerts:
    """Sends each channel what is new to it.

    State is on disk, so a restart repeats nothing. A finding that comes and goes is reported at
    most once in each direction within `quiet`. `subject` is the name of the model in the alerts.
    """

    def __init__(
        self,
        channels: Sequence[Channel],
        folder: Path,
        quiet: timedelta,
        clock: Clock,
        subject: str = "model",
    ) -> None:
        self._channels, self._folder = channels, folder
        self._quiet, self._clock, self._subject = quiet, clock, subject

    def __call__(self, report: Report) -> None:
        """Send what is due after this run."""
        for channel in self._channels:
            file = self._folder / f"{channel.name}.json"
            sent = _read(file)
            for alert in due(report, sent, self._clock.now(), self._quiet, self._subject):
                try:
                    channel.send(alert)
                except Exception as error:
                    LOG.warning("%s: could not send %r: %s", channel.name, alert.text, error)
                    continue
                sent = sent | {alert.finding: Sent(alert.kind, self._clock.now())}
                replace(file, msgspec.json.encode(sent))


def due(
    report: Report,
    sent: dict[FindingName, Sent],
    now: datetime,
    quiet: timedelta,
    subject: str = "model",
) -> list[Alert]:
    """The alerts that follow from a report and from what has already been sent."""
    alerts = []
    for finding in report.findings:
        last = sent.get(finding.name)
        was_open = last is not None and last.kind == "found"
        is_quiet = last is not None and now - last.at < quiet
        if is_quiet or finding.state == "unknown" or was_open == (finding.state == "found"):
            continue
        title = f"{TITLES[finding.name]}, {subject} version {report.model_version}"
        if finding.state == "found":
            reasons = "".join(f"\n- {line}" for line in finding.evidence)
            text = f"{title}: found since {finding.since} (run {report.run_id}){reasons}"
            alerts.append(Alert(finding.name, "found", text))
        else:
            text = f"{title}: resolved (run {report.run_id})"
            alerts.append(Alert(finding.name, "resolved", text))
    return alerts


def _read(file: Path) -> dict[FindingName, Sent]:
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[FindingName, Sent])
    except (FileNotFoundError, msgspec.MsgspecError):
        return {}
