"""A stream door as a process of its own, with the forest of the benchmark."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

from bench.alarm_model import Versions
from cdrlake.cards import door
from lakehouse.children import die_with_parent
from lakehouse.clock import SystemClock
from lakehouse.domains.settings import Settings, load
from lakehouse.http import server
from lakehouse.settings import ROOT


def start(settings: Settings, snapshots: Path, said: int | None = None) -> subprocess.Popen[bytes]:
    """Start one that keeps its state in `snapshots`; `said` takes its standard error."""
    env = os.environ | {
        "CDRLAKE_STATE_DIR": str(settings.state),
        "CDRLAKE_KAFKA__PORT": str(settings.kafka.port),
        "CDRLAKE_CARDS__SNAPSHOT_DIR": str(snapshots),
    }
    command = [sys.executable, "-m", "bench.alarm_door"]
    return subprocess.Popen(command, cwd=ROOT, env=env, stderr=said, preexec_fn=die_with_parent())


def serve(settings: Settings, stop: threading.Event) -> None:
    """Decide until `stop`."""
    door.build(settings, Versions(), SystemClock()).run(stop)


if __name__ == "__main__":
    sys.exit(server.run(load, serve))
