"""The output folder: `runs/<run_id>/`, `latest/`, and the known names directly below it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from monitoring.cache import replace
from monitoring.report import Report

RUNS, LATEST = "runs", "latest"
RUN_ID = re.compile(r"^[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}$")
KEPT_RUNS = 200


class OutputFolder:
    """Files of runs below `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, report: Report) -> Path:
        """All files of a run, in its own folder and as the latest; the run's folder.

        A reader finds each file whole, the old one or the new one.
        """
        # matplotlib takes seconds to import, which the service should not wait for.
        from monitoring.output.files import render

        files = render(report)
        folder = self.root / RUNS / report.run_id
        for name, content in files.items():
            replace(folder / name, content)
            replace(self.root / LATEST / name, content)
            replace(self.root / name, content)
        self._forget()
        return folder

    def run(self, run_id: str) -> Path | None:
        """The folder of a run; None when there is none of that id."""
        folder = self.root / RUNS / run_id
        return folder if RUN_ID.match(run_id) and folder.is_dir() else None

    def runs(self) -> list[str]:
        """Ids of the runs whose files are kept, the latest first."""
        folder = self.root / RUNS
        found = (path.name for path in folder.iterdir()) if folder.is_dir() else ()
        return sorted((name for name in found if RUN_ID.match(name)), reverse=True)

    def _forget(self) -> None:
        for run_id in self.runs()[KEPT_RUNS:]:
            shutil.rmtree(self.root / RUNS / run_id, ignore_errors=True)
