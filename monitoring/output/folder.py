"""The output folder: `runs/<run_id>/`, `latest/`, and the known names directly below it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import msgspec

from lakehouse.files import replace
from monitoring.output import names
from monitoring.report import SCHEMA_VERSION, Report

RUNS, LATEST = "runs", "latest"
RUN_ID = re.compile(r"^[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}$")
KEPT_RUNS = 200


class OutputFolder:
    """Files of runs below `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, report: Report, is_present: bool) -> Path:
        """Write a run's files into its own folder and, for current data, as the latest.

        Returns the run's folder. A reader always sees a complete file, the old one or the new one.
        """
        # matplotlib takes seconds to import, which the service should not wait for.
        from monitoring.output.files import render

        files = render(report)
        folder = self.root / RUNS / report.run_id
        for name, content in files.items():
            replace(folder / name, content)
            if is_present:
                replace(self.root / LATEST / name, content)
                replace(self.root / name, content)
        self._forget()
        return folder

    def latest(self) -> Report | None:
        """The last report on current data; None if there is no readable one."""
        try:
            content = (self.root / LATEST / names.REPORT).read_bytes()
            report = msgspec.json.decode(content, type=Report)
        except (OSError, msgspec.MsgspecError):
            return None
        return report if report.schema_version == SCHEMA_VERSION else None

    def run(self, run_id: str) -> Path | None:
        """The folder of a run; None if there is none with that id."""
        folder = self.root / RUNS / run_id
        return folder if RUN_ID.match(run_id) and folder.is_dir() else None

    def runs(self) -> list[str]:
        """Ids of the runs whose files are kept, latest first."""
        folder = self.root / RUNS
        found = (path.name for path in folder.iterdir()) if folder.is_dir() else ()
        return sorted((name for name in found if RUN_ID.match(name)), reverse=True)

    def _forget(self) -> None:
        for run_id in self.runs()[KEPT_RUNS:]:
            shutil.rmtree(self.root / RUNS / run_id, ignore_errors=True)
