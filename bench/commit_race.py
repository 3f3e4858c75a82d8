"""Thousands of commits that replace files, while OPTIMIZE and VACUUM race them.

`python -m bench.commit_race --commits 3000` fails if a row is lost or doubled.
"""

from __future__ import annotations

import argparse
import random
import threading
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError

from lakehouse import store
from lakehouse.contracts import BUCKET, Contract, Field
from lakehouse.kinds import polars_schema
from lakehouse.settings import Settings
from lakehouse.settings.model import LakeSettings
from pyspark_jobs.delta import tables
from pyspark_jobs.delta.cells import PATH
from pyspark_jobs.delta.table_writer import DeltaTableWriter, OvertakenError

RACED = Contract(
    "silver.raced",
    (
        Field("day", "date", "a date"),
        Field("who", "string", "an entity"),
        Field("count", "long", "how often the row was written"),
        BUCKET,
    ),
    key=("who", "day"),
    partition_by=("day", BUCKET.name),
    bucket_by="who",
)
KEY = list(RACED.key)
DAYS, WHO, ROWS = 3, 40, 6
SAFE_HOURS = 168
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Race:
    """A table that one side changes row by row and the other compacts and vacuums."""

    folder: Path
    seed: int = 1
    overtaken: int = 0
    maintained: int = 0
    refused: int = 0
    expected: dict[tuple[str, date], int] = field(default_factory=dict)

    def run(self, commits: int) -> None:
        """Make that many commits; raises `AssertionError` if the table holds anything else."""
        settings = Settings(
            state_dir=str(self.folder), lake=LakeSettings(uri=str(self.folder / "lake"))
        )
        tables.create_missing(settings, RACED)
        writer, over = DeltaTableWriter(settings.lake_uri, RACED, {}), threading.Event()
        other = threading.Thread(target=self._maintain, args=(writer.uri, over))
        other.start()
        try:
            draw = random.Random(self.seed)
            for _ in range(commits):
                self._change(writer, draw)
        finally:
            over.set()
            other.join()
        self._check(writer.uri)

    def _change(self, writer: DeltaTableWriter, draw: random.Random) -> None:
        chosen = {
            (f"w{draw.randrange(WHO)}", date(2026, 1, 1 + draw.randrange(DAYS)))
            for _ in range(ROWS)
        }
        keys = pl.DataFrame(list(chosen), schema={"who": pl.String, "day": pl.Date}, orient="row")
        while True:
            cells = writer.cells()
            known = cells.read().join(keys.lazy(), on=KEY, how="semi").collect()
            found = keys.join(known, on=KEY, how="left")
            rows = found.select(
                "day",
                "who",
                count=pl.col("count").fill_null(0) + 1,
                bucket=pl.lit(0),
            ).cast(polars_schema(RACED))  # type: ignore[arg-type]
            try:
                writer.replace_files(cells.put(rows, known.select(*KEY, PATH)), cells, NOW)
            except OvertakenError:
                self.overtaken += 1
                continue
            break
        for key in chosen:
            self.expected[key] = self.expected.get(key, 0) + 1

    def _maintain(self, uri: str, over: threading.Event) -> None:
        while not over.is_set():
            table = DeltaTable(uri)
            try:
                table.optimize.compact()
                table.vacuum(SAFE_HOURS, dry_run=False, full=True)
                self.maintained += 1
            except (CommitFailedError, DeltaError, OSError):
                self.refused += 1

    def _check(self, uri: str) -> None:
        stored = store.scan(uri).collect()
        found = {(who, day): count for who, day, count in stored.select(*KEY, "count").iter_rows()}
        assert len(stored) == len(found), f"{len(stored) - len(found)} rows are there twice"
        assert found == self.expected, "rows differ from what was written"


def main() -> None:
    """Race in a scratch folder, and say how often each side won."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--commits", type=int, default=3_000)
    commits = parser.parse_args().commits
    with TemporaryDirectory() as folder:
        race = Race(Path(folder))
        race.run(commits)
    print(
        f"{commits:,} commits, each row once: {race.overtaken:,} were overtaken and made again, "
        f"{race.maintained:,} times compacted and vacuumed, {race.refused:,} times refused"
    )


if __name__ == "__main__":
    main()
