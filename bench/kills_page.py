"""The part of docs/reliability.md about processes that are killed, apart from the main path."""

from __future__ import annotations

from pathlib import Path

import msgspec

from bench import kept
from bench.measure import machine
from lakehouse.settings import ROOT

KEPT = ROOT / "bench" / "results" / "faults" / "kills.json"


class Killed(msgspec.Struct, frozen=True):
    """A run of kills: the command, what was killed, and what was compared with what afterwards.

    `differing` counts the comparisons that failed.
    """

    command: str
    victim: str
    kills: int
    compared: str
    differing: int
    seed: int
    machine: str = msgspec.field(default_factory=machine)


def keep(done: Killed, path: Path = KEPT) -> None:
    """Keep a run in place of the earlier one of the same command."""
    kept.write(path, read(path) | {done.command: done})


def read(path: Path = KEPT) -> dict[str, Killed]:
    """The latest run of each command."""
    if not path.exists():
        return {}
    return msgspec.json.decode(path.read_bytes(), type=dict[str, Killed])


def section(path: Path = KEPT) -> str:
    """Markdown; empty where nothing is kept."""
    runs = read(path)
    if not runs:
        return ""
    lines = "\n".join(
        f"| `{one.command}` | {one.victim} | {one.kills:,} | {one.compared} "
        f"| {one.differing or 'nothing'} |"
        for _, one in sorted(runs.items())
    )
    total = sum(one.kills for one in runs.values())
    machines = "; ".join(sorted({one.machine for one in runs.values()}))
    return f"""
## Killed again and again

Besides the kills above, {total:,} more, each by `kill -9` at a moment drawn from a seed, while
messages come in. In the end what was disturbed is compared with a run of the same messages that
nobody disturbed, or with the truth that the senders kept.

| command | killed | kills | compared | differs |
| --- | --- | --- | --- | --- |
{lines}

Machine: {machines}.
"""
