"""Opponents that need other versions than ours: an environment and a process of their own.

Such a child prints `ready`, then reads one line a job, its name and the folder that it is to write
into, and answers each with `took` and the seconds that the job took.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from lakehouse.children import die_with_parent
from lakehouse.errors import ServiceError
from lakehouse.settings import ROOT

CACHE = ROOT / ".cache"
# Seconds that a job took; called with its name and an empty folder.
Ask = Callable[[str, Path], float]


@contextmanager
def child(script: Path, arguments: Sequence[str], variables: Mapping[str, str]) -> Iterator[Ask]:
    """Run `script` in the environment that its folder's pins describe."""
    with subprocess.Popen(
        [str(python_of(script.parent)), str(script), *arguments],
        env=os.environ | variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        preexec_fn=die_with_parent(),
    ) as process:
        try:
            _answer(process, script, "ready")
            yield lambda job, folder: _run(process, script, f"{job} {folder}")
        finally:
            process.terminate()


def expect(opponent: str, job: str, found: int, count: int) -> None:
    """Refuse the time of a job that did not write all `count` rows."""
    if found != count:
        raise ServiceError(opponent, f"{count} rows of {job}", str(found), "do not trust its time")


def _run(process: subprocess.Popen[str], script: Path, line: str) -> float:
    assert process.stdin is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()
    return float(_answer(process, script, "took "))


def _answer(process: subprocess.Popen[str], script: Path, prefix: str) -> str:
    for line in process.stdout or ():
        if line.startswith(prefix):
            return line.removeprefix(prefix)
    raise ServiceError(script.parent.name, "an answer", "its end", f"run {script} by hand")


def python_of(folder: Path) -> Path:
    """The interpreter of the environment that `folder`/requirements.txt pins, made once."""
    home = CACHE / folder.name
    python = home / "bin" / "python"
    if not (home / "complete").exists():
        uv = Path(sys.executable).with_name("uv")
        subprocess.run(
            [uv, "venv", "-q", "--clear", "-p", sys.executable, home],
            check=True,
            preexec_fn=die_with_parent(),
        )
        subprocess.run(
            [uv, "pip", "install", "-q", "--python", python, "--no-deps", "--require-hashes",
             "-r", folder / "requirements.txt"], check=True, preexec_fn=die_with_parent(),
        )  # fmt: skip
        (home / "complete").touch()
    return python
