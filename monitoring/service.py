"""The service's runs: one at a time, written out, recorded, and passed to listeners."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import uuid4

from lakehouse.clock import Clock
from monitoring.gate import Gate
from monitoring.monitor import Monitor, Request
from monitoring.output.folder import OutputFolder
from monitoring.records import Records
from monitoring.report import Report

LOG = logging.getLogger(__name__)

Listener = Callable[[Report], None]


class Service:
    """Makes runs. One on a chosen period or version leaves only its own files and record.

    One on the present also becomes the latest, and `listeners` get its report. A listener that
    fails costs a log line, not the run.
    """

    def __init__(
        self,
        monitor: Monitor,
        output: OutputFolder,
        records: Records,
        clock: Clock,
        listeners: Sequence[Listener] = (),
    ) -> None:
        self.output, self.records = output, records
        self._monitor, self._clock, self._listeners = monitor, clock, listeners
        self._gate: Gate[Report] = Gate()
        self._latest = output.latest()
        self._lock = threading.Lock()

    def run(self, request: Request) -> Report:
        """The report for `request`, shared if the same run is in progress.

        Raises a `RequestError` with what is missing or wrong.
        """
        return self._gate.run(request, lambda: self._run(request))

    @property
    def latest(self) -> Report | None:
        """The last report on current data, if necessary from an earlier process."""
        with self._lock:
            return self._latest

    def _run(self, request: Request) -> Report:
        run_id = new_run_id(self._clock.now())
        report = self._monitor.run(request, run_id)
        is_present = request == Request()
        self.output.write(report, is_present)
        self.records.add(report)
        if is_present:
            with self._lock:
                self._latest = report
            self._tell(report)
        return report

    def _tell(self, report: Report) -> None:
        for listener in self._listeners:
            try:
                listener(report)
            except Exception:
                LOG.exception("run %s: a listener failed", report.run_id)


def new_run_id(now: datetime) -> str:
    """An id that sorts by time and is unique even within a second."""
    return f"{now:%Y%m%dT%H%M%SZ}-{uuid4().hex[:6]}"
