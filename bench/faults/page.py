"""docs/reliability.md, made from what came of each fault point."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bench.measure import machine
from lakehouse.settings import ROOT

PAGE = ROOT / "docs" / "reliability.md"


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


def write(rows: Sequence[Row], seed: int) -> None:
    """Write the page."""
    PAGE.write_text(text(rows, seed), encoding="utf-8")


def text(rows: Sequence[Row], seed: int) -> str:
    """The page as Markdown."""
    lines = "\n".join(
        f"| {row.name} | {row.times} | {row.promise} | {'held' if row.held else 'broken'} "
        f"| {row.events:,} | {row.lost} | {row.doubled} | {row.caught_up_s:.0f} |"
        for row in rows
    )
    done = sum(row.times for row in rows if "kill" in row.name)
    return f"""# What it survives

Made by `make faults` (seed {seed}): one installation, as `make up` starts it, with a stream that
replays a day a second, is hurt at {len(rows)} fault points, {done} times by `kill -9`. After each
point the stream ends, every count of `cdrlake ledger` must agree, and silver is compared cell by
cell with an independent ledger: the same days made again from the world's seed, which asks neither
the database nor Kafka nor Spark.

| fault | times | promised | was | events in | lost | doubled | caught up, s |
| --- | --- | --- | --- | --- | --- | --- | --- |
{lines}

"Caught up" is from the last repair until all counts agreed, the rest of the running stream and the
checks themselves included. A disk is full for one process at a time: its files may not grow
(`RLIMIT_FSIZE`). A producer's clock is the timestamp that it gives its messages.

Machine: {machine()}.
"""
