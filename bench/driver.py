"""A pipeline's process, as it runs in service, started for a measurement and ended with it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cdrlake.services import process
from cdrlake.waiting import patiently, patiently_ended
from lakehouse import progress
from lakehouse.children import die_with_parent
from lakehouse.domains.settings import Settings
from lakehouse.settings import ROOT

PATIENCE_S = 300.0


@dataclass(frozen=True)
class Pipeline:
    """A domain's pipeline: its main, the name that it is in service under, and its variables."""

    main: str
    service: str
    values: Mapping[str, str] = field(default_factory=dict)


CALLS = Pipeline("cdr_pipeline", progress.PIPELINE)


@contextmanager
def driver(
    settings: Settings, log: Path, gently: bool = False, pipeline: Pipeline = CALLS
) -> Iterator[None]:
    """Run a pipeline; in the end it is killed with its whole tree, or `gently` asked to stop."""
    values = {
        "STATE_DIR": settings.state_dir,
        "KAFKA__PORT": str(settings.kafka.port),
        "MYSQL__EMBEDDED": "false",
        **pipeline.values,
    }
    kept = {name: text for name, text in os.environ.items() if not name.startswith("CDRLAKE_")}
    environment = kept | {f"CDRLAKE_{name}": text for name, text in values.items()}
    command = [sys.executable, "-m", f"pyspark_jobs.jobs.{pipeline.main}"]
    (settings.state / progress.FOLDER / f"{pipeline.service}.json").unlink(missing_ok=True)
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
            if gently:
                patiently_ended(child)
        finally:
            process.kill(process.tree(child.pid))
            child.wait()


def waiting_for(condition: Callable[[], bool], what: str) -> None:
    """Wait until `condition` holds."""
    patiently(condition, what, PATIENCE_S, 0.2)


def in_service(settings: Settings, service: str = progress.PIPELINE) -> bool:
    """Whether a pipeline has caught up; raises when it has failed."""
    found = progress.read_pipeline(settings.state, service)
    if found is not None and found.phase == "failed":
        raise RuntimeError(found.detail)
    return found is not None and found.phase == "service"
