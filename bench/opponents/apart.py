"""Opponents that need other versions than ours: an environment and a process of their own.

Such a child prints `ready`, then reads one line a job, its name and the folder that it is to write
into, and answers each with `took` and the seconds that the job took.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

from cdrlake.services.jars import exclusive
from lakehouse.children import die_with_parent
from lakehouse.errors import ServiceError
from lakehouse.settings import ROOT

CACHE = ROOT / ".cache"
# Seconds that a job took; called with its name and an empty folder.
Ask = Callable[[str, Path], float]


class _EndedError(Exception):
    """The child has ended without an answer."""


@contextmanager
def child(script: Path, arguments: Sequence[str], variables: Mapping[str, str]) -> Iterator[Ask]:
    """Run `script` in the environment that its folder's pins describe."""
    with (
        TemporaryFile("w+", encoding="utf-8") as errors,
        subprocess.Popen(
            [str(python_of(script.parent)), str(script), *arguments],
            env=os.environ | variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            preexec_fn=die_with_parent(),
        ) as process,
    ):
        try:
            _answer(process, "ready")
            yield lambda job, folder: _run(process, f"{job} {folder}")
        except _EndedError:
            errors.seek(0)
            said = _reason(errors.read().splitlines())
            raise ServiceError(
                script.parent.name, "an answer", said, f"run {script} by hand"
            ) from None
        finally:
            process.terminate()


def expect(opponent: str, job: str, found: int, count: int) -> None:
    """Refuse the time of a job that did not write all `count` rows."""
    if found != count:
        raise ServiceError(opponent, f"{count} rows of {job}", str(found), "do not trust its time")


def _reason(lines: Sequence[str]) -> str:
    """The last line that names an error, since what follows it may be frames of Java."""
    named = [line.strip() for line in lines if re.search(r"\w(Error|Exception)\b", line)]
    return (named or ["its end"])[-1]


def _run(process: subprocess.Popen[str], line: str) -> float:
    assert process.stdin is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()
    return float(_answer(process, "took "))


def _answer(process: subprocess.Popen[str], prefix: str) -> str:
    for line in process.stdout or ():
        if line.startswith(prefix):
            return line.removeprefix(prefix)
    raise _EndedError


def python_of(folder: Path) -> Path:
    """The interpreter of the environment that `folder`/requirements.txt pins, made once."""
    home = CACHE / folder.name
    # Parts that run side by side may ask for the same one.
    with exclusive(CACHE / f"{folder.name}.lock"):
        if not (home / "complete").exists():
            _make(home, folder / "requirements.txt")
    return home / "bin" / "python"


def _make(home: Path, pins: Path) -> None:
    uv = str(Path(sys.executable).with_name("uv"))
    venv = ["venv", "-q", "--clear", "-p", sys.executable, str(home)]
    install = ["pip", "install", "-q", "--python", str(home / "bin" / "python"), "--no-deps",
               "--require-hashes", "-r", str(pins)]  # fmt: skip
    for command in (venv, install):
        subprocess.run([uv, *command], check=True, preexec_fn=die_with_parent())
    (home / "complete").touch()
