"""Which findings are worth a notice now: each once when it begins, once when it ends."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from lakehouse.clock import Clock
from monitoring.analysis.findings import FindingName
from monitoring.cache import replace
from monitoring.report import Report

LOG = logging.getLogger(__name__)

TITLES: dict[FindingName, str] = {
    "data_drift": "Data drift",
    "model_drift": "Model drift",
    "model_degradation": "Model degradation",
}


class Notice(msgspec.Struct, frozen=True):
    """Something that somebody should know."""

    finding: FindingName
    kind: Literal["found", "resolved"]
    text: str


class Told(msgspec.Struct, frozen=True):
    """What a channel was told last of a finding."""

    kind: Literal["found", "resolved"]
    at: datetime


class Channel(Protocol):
    """A way to tell somebody; `name` is that of its memory."""

    name: str

    def send(self, notice: Notice) -> None:
        """Deliver, or raise; what was not delivered is tried again after the next run."""
        ...


class Alerts:
    """Tells each channel what is new to it. Memory is on disk, so a restart repeats nothing.

    A finding that comes and goes is reported at most once in each direction in `quiet`.
    """

    def __init__(
        self, channels: Sequence[Channel], folder: Path, quiet: timedelta, clock: Clock
    ) -> None:
        self._channels, self._folder = channels, folder
        self._quiet, self._clock = quiet, clock

    def __call__(self, report: Report) -> None:
        """Send what is due after this run."""
        for channel in self._channels:
            file = self._folder / f"{channel.name}.json"
            told = _read(file)
            for notice in due(report, told, self._clock.now(), self._quiet):
                try:
                    channel.send(notice)
                except Exception as error:
                    LOG.warning("%s: %s was not sent: %s", channel.name, notice.text, error)
                    continue
                told = told | {notice.finding: Told(notice.kind, self._clock.now())}
                replace(file, msgspec.json.encode(told))


def due(
    report: Report, told: dict[FindingName, Told], now: datetime, quiet: timedelta
) -> list[Notice]:
    """Notices that follow from a report and from what was told before."""
    notices = []
    for finding in report.findings:
        last = told.get(finding.name)
        was_open = last is not None and last.kind == "found"
        is_quiet = last is not None and now - last.at < quiet
        if is_quiet or finding.state == "unknown" or was_open == (finding.state == "found"):
            continue
        title = f"{TITLES[finding.name]}, model version {report.model_version}"
        if finding.state == "found":
            reasons = "".join(f"\n- {line}" for line in finding.evidence)
            text = f"{title}: found since {finding.since} (run {report.run_id}){reasons}"
            notices.append(Notice(finding.name, "found", text))
        else:
            text = f"{title}: resolved (run {report.run_id})"
            notices.append(Notice(finding.name, "resolved", text))
    return notices


def _read(file: Path) -> dict[FindingName, Told]:
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[FindingName, Told])
    except (FileNotFoundError, msgspec.MsgspecError):
        return {}
