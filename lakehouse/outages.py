"""Parts that somebody has taken away on purpose, to see what goes on without them.

A file in `<state>/away` has the name of a process. Who runs the processes stops that one, and
starts it again once the file is gone.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from lakehouse import files


def away(state: Path) -> frozenset[str]:
    """The names of the parts that are to be away."""
    return frozenset(path.name for path in _folder(state).glob("[!.]*"))


def take_away(state: Path, name: str) -> None:
    """Ask for a part to be stopped."""
    files.replace(_folder(state) / name, b"")


def bring_back(state: Path, name: str) -> None:
    """Ask for a part to be started again."""
    (_folder(state) / name).unlink(missing_ok=True)


def forget(state: Path) -> None:
    """Nothing is to be away: what an earlier run was asked for does not count."""
    shutil.rmtree(_folder(state), ignore_errors=True)


def _folder(state: Path) -> Path:
    return state / "away"
