"""docs/reliability.md, made from what came of each fault point."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from bench.measure import machine
from lakehouse.settings import ROOT

PAGE = ROOT / "docs" / "reliability.md"
KEPT = ROOT / "bench" / "results" / "faults" / "rows.json"


class Row(msgspec.Struct, frozen=True):
    """One fault point: how often, events that went in meanwhile, and what came of them.

    `caught_up_s` is the time from the last repair until every count agreed, the rest of the
    running stream included.
    """

    name: str
    promise: str
    times: int
    events: int
    lost: int
    doubled: int
    wrong_cells: int
    caught_up_s: float
    said: str = ""

    @property
    def held(self) -> bool:
        """Whether the promise was kept."""
        return self.lost == self.doubled == self.wrong_cells == 0 and not self.said

    def line(self) -> str:
        """The row for a terminal."""
        verdict = "held" if self.held else f"BROKEN {self.said}"
        return (
            f"{self.name} x {self.times}: {self.events:,} events, lost {self.lost}, doubled "
            f"{self.doubled}, wrong {self.wrong_cells}, {self.caught_up_s:.0f} s: {verdict}"
        )


class Kept(msgspec.Struct, frozen=True):
    """The last row of each point, by name."""

    machine: str
    seed: int
    rows: dict[str, Row]


def publish(rows: Sequence[Row], seed: int, order: Sequence[str], kept: Path = KEPT) -> None:
    """Put `rows` in place of earlier ones of the same points, and make the page of all in `order`.

    Points that were never run are left out of the page.
    """
    before = msgspec.json.decode(kept.read_bytes(), type=Kept).rows if kept.exists() else {}
    known = before | {row.name: row for row in rows}
    run = Kept(machine(), seed, {name: known[name] for name in order if name in known})
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_bytes(msgspec.json.format(msgspec.json.encode(run)) + b"\n")
    PAGE.write_text(text(run), encoding="utf-8")


def text(run: Kept) -> str:
    """The page as Markdown."""
    rows = list(run.rows.values())
    lines = "\n".join(
        f"| {row.name} | {row.times} | {row.promise} | {'held' if row.held else 'broken'} "
        f"| {row.events:,} | {row.lost} | {row.doubled} | {row.caught_up_s:.0f} |"
        for row in rows
    )
    done = sum(row.times for row in rows if "kill" in row.name)
    return f"""# What it survives

Made by `make faults` (seed {run.seed}); one point by `make faults ONLY=poison`. An installation,
as `make up` starts it, with a stream that replays a day a second, is hurt at {len(rows)} points,
{done} times by `kill -9`. After each point the stream ends, every count of `cdrlake ledger`
must agree, and silver is compared cell by cell with an independent ledger: the same days made again
from the world's seed, which asks neither the database nor Kafka nor Spark.

| fault | times | promised | was | events in | lost | doubled | caught up, s |
| --- | --- | --- | --- | --- | --- | --- | --- |
{lines}

"Caught up" is from the last repair until all counts agreed, the rest of the running stream and the
checks themselves included. A disk is full for one process at a time: its files may not grow
(`RLIMIT_FSIZE`). A producer's clock is the timestamp that it gives its messages.

Machine: {run.machine}.
"""
