"""Starts a training while a finding calls for one; the gates still decide on the new version."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from lakehouse.children import die_with_parent
from lakehouse.clock import Clock
from lakehouse.files import replace
from lakehouse.settings import ROOT
from monitoring.report import Report

LOG = logging.getLogger(__name__)


class Attempt(msgspec.Struct, frozen=True):
    """The last training: when it was started, and which findings it was to answer."""

    started_at: datetime
    findings: tuple[str, ...]


class Retrain:
    """Acts on findings for as long as they hold, not only when they begin.

    One training runs at a time. A finding that appears while one is running is acted on afterwards;
    one that still holds `again_after` the last start, for example because the gates rejected the
    new version, is acted on again. The last attempt is stored in `folder`, so a restart repeats
    nothing.
    """

    def __init__(
        self,
        findings: Sequence[str],
        command: Sequence[str],
        folder: Path,
        again_after: timedelta,
        clock: Clock,
    ) -> None:
        self._findings, self._command = tuple(findings), tuple(command)
        self._log, self._file = folder / "retrain.log", folder / "retrain.json"
        self._again_after, self._clock = again_after, clock
        self._running: subprocess.Popen[bytes] | None = None

    def __call__(self, report: Report) -> None:
        """Start a training if a finding of this report needs one that has not been made."""
        holding = [
            finding.name
            for finding in report.findings
            if finding.state == "found" and finding.name in self._findings
        ]
        last, now = self._last(), self._clock.now()
        is_answered = last is not None and now - last.started_at < self._again_after
        unanswered = [name for name in holding if not (is_answered and name in last.findings)]  # type: ignore[union-attr]
        if not unanswered:
            return
        if self._running is not None and self._running.poll() is None:
            LOG.info("%s: waiting for the training under way to end", ", ".join(unanswered))
            return
        self._start(Attempt(now, tuple(holding)))

    def _start(self, attempt: Attempt) -> None:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            # Whoever calls this, poller or thread of the server, lives as long as the service.
            self._running = subprocess.Popen(
                self._command, cwd=ROOT, stdout=log, stderr=log, preexec_fn=die_with_parent()
            )
        replace(self._file, msgspec.json.encode(attempt))
        LOG.warning("%s: training started, log in %s", ", ".join(attempt.findings), self._log)

    def _last(self) -> Attempt | None:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=Attempt)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None
