"""The pipeline's process, as it runs in service, started for a measurement and ended with it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cdrlake.services import process
from cdrlake.waiting import patiently
from lakehouse import progress
from lakehouse.children import die_with_parent
from lakehouse.domains.settings import Settings
from lakehouse.settings import ROOT

PATIENCE_S = 300.0


@contextmanager
def driver(settings: Settings, log: Path, gently: bool = False) -> Iterator[None]:
    """Run the pipeline; in the end it is killed with its whole tree, or `gently` asked to stop."""
    values = {
        "STATE_DIR": settings.state_dir,
        "KAFKA__PORT": str(settings.kafka.port),
        "MYSQL__EMBEDDED": "false",
    }
    kept = {name: text for name, text in os.environ.items() if not name.startswith("CDRLAKE_")}
    environment = kept | {f"CDRLAKE_{name}": text for name, text in values.items()}
    command = [sys.executable, "-m", "pyspark_jobs.jobs.cdr_pipeline"]
    (settings.state / "progress" / "pipeline.json").unlink(missing_ok=True)
    with log.open("ab") as output:
        child = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=output,
            preexec_fn=die_with_parent(),
        )
    try:
        yield
    finally:
        if gently:
            child.terminate()
        try:
            child.wait(60 if gently else 0)
        except subprocess.TimeoutExpired:
            process.kill(process.tree(child.pid))
            child.wait()


def waiting_for(condition: Callable[[], bool], what: str) -> None:
    """Wait until `condition` holds."""
    patiently(condition, what, PATIENCE_S, 0.2)


def in_service(settings: Settings) -> bool:
    """Whether the pipeline has caught up; raises when it has failed."""
    found = progress.read_pipeline(settings.state)
    if found is not None and found.phase == "failed":
        raise RuntimeError(found.detail)
    return found is not None and found.phase == "service"
