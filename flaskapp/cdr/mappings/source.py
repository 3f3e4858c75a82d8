"""Files as days: read once into Parquet by calendar date, then walked in order of time.

An operator's file need not be sorted; events must be, or whatever comes late would be judged late.
The folder is named after the content of files and mapping, so a file is never loaded twice,
whatever it is called, and a walk that was interrupted finds its days again.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from flaskapp.cdr.mappings.fields import EVENTS, REASON
from flaskapp.cdr.mappings.reading import REJECTS, read
from flaskapp.cdr.mappings.spec import Mapping, load
from flaskapp.cdr.sources import SourceDay
from lakehouse.clock import Clock
from lakehouse.domains.settings import Settings
from lakehouse.errors import SourceError

SUBSCRIBERS = "subscribers.parquet"
SUMMARY = "summary.json"
REJECTED = "rejects.csv"
FEW_ROWS = 100_000


@dataclass(frozen=True)
class FileSource:
    """Staged files as a source; the last `replay_days` days are left for a replay."""

    name: str
    folder: Path
    first: date
    last: date
    rejected: int
    replay_days: int = 0

    @property
    def history_end(self) -> date:
        """The last day that is not left for a replay."""
        return self.last - timedelta(days=self.replay_days)

    @property
    def rejects(self) -> Path:
        """CSV of the rejected lines: file, line, reason, text."""
        return self.folder / REJECTED

    def days(self, first: date, last: date) -> Iterator[SourceDay]:
        """Each calendar day from `first` to `last`."""
        known = pl.read_parquet(self.folder / SUBSCRIBERS)
        for offset in range((last - first).days + 1):
            day = first + timedelta(days=offset)
            parts = sorted((self.folder / day.isoformat()).glob("*.parquet"))
            found = [pl.DataFrame(schema=EVENTS), *map(pl.read_parquet, parts)]
            events = pl.concat(found, how="diagonal").sort("DP_DATE", maintain_order=True)
            yield SourceDay(day, events, known.filter(pl.col("activated_on") == day))


def open_files(
    settings: Settings, paths: tuple[Path, ...], mapping_name: str, clock: Clock
) -> FileSource:
    """The files as a source, staged under the state folder unless they are already.

    Raises `SourceError` when a file cannot be read, fits no mapping, or has no usable line.
    """
    mapping = load(mapping_name)
    for path in paths:
        if not path.is_file():
            raise SourceError(str(path), "a file", "none", "check the path")
    assigned = [path for path, _ in mapping.assign(paths)]
    name = f"{mapping_name}-{_digest(mapping, assigned, settings.timezone)}"
    folder = settings.state / "staging" / name
    if not (folder / SUMMARY).exists():
        partial = folder.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        _stage(partial, mapping, paths, settings.timezone, clock)
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
    summary = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
    first, last = (date.fromisoformat(summary[key]) for key in ("first", "last"))
    return FileSource(name, folder, first, last, summary["rejected"], settings.source.replay_days)


@dataclass
class _Seen:
    """When each subscriber was first seen; a frame per block is added up before there are many."""

    first: pl.DataFrame
    waiting: list[pl.DataFrame]

    def add(self, dated: pl.DataFrame) -> None:
        """Take in the usage of a block, which has `Date`."""
        self.waiting.append(_first_dates(dated))
        if sum(frame.height for frame in self.waiting) > max(self.first.height, FEW_ROWS):
            self.fold()

    def fold(self) -> pl.DataFrame:
        """Add up what waits; each subscriber with the first date."""
        self.first, self.waiting = _first_dates(pl.concat([self.first, *self.waiting])), []
        return self.first


def _first_dates(dated: pl.DataFrame) -> pl.DataFrame:
    return dated.group_by("DP_MSISDN").agg(pl.col("Date").min())


def _stage(
    folder: Path, mapping: Mapping, paths: tuple[Path, ...], timezone: str, clock: Clock
) -> None:
    seen = _Seen(pl.DataFrame(schema={"DP_MSISDN": pl.String, "Date": pl.Date}), [])
    local_date = pl.col("DP_DATE").dt.convert_time_zone(timezone).dt.date()
    rejected, reason = 0, "no line"
    with (folder / REJECTED).open("wb") as rejects:
        pl.DataFrame(schema=REJECTS).write_csv(rejects)
        for number, (path, spec) in enumerate(mapping.assign(paths)):
            for block, found in enumerate(read(path, spec, clock.now(), timezone)):
                found.rejects.write_csv(rejects, include_header=False)
                if found.rejects.height and not rejected:
                    reason = found.rejects[REASON][0]
                rejected += found.rejects.height
                dated = found.events.with_columns(local_date.alias("Date"))
                seen.add(dated)
                _write_days(folder, f"{number:03}-{block:06}.parquet", dated)
    subscribers = seen.fold()
    if subscribers.is_empty():
        raise SourceError(str(paths[0]), "a line of usage", reason, "choose another mapping")
    nothing = pl.lit(None, pl.String)
    listed = subscribers.select("DP_MSISDN", segment=nothing, region=nothing, activated_on="Date")
    listed.sort("DP_MSISDN").write_parquet(folder / SUBSCRIBERS)
    days = sorted(path.name for path in folder.iterdir() if path.is_dir())
    summary = {"first": days[0], "last": days[-1], "rejected": rejected}
    (folder / SUMMARY).write_text(json.dumps(summary), encoding="utf-8")


def _write_days(folder: Path, name: str, dated: pl.DataFrame) -> None:
    for (day,), events in dated.partition_by("Date", as_dict=True).items():
        part = folder / f"{day:%Y-%m-%d}" / name
        part.parent.mkdir(exist_ok=True)
        events.drop("Date").write_parquet(part, compression="lz4")


def _digest(mapping: Mapping, paths: list[Path], timezone: str) -> str:
    digest = hashlib.sha256(f"{mapping.model_dump_json()}{timezone}".encode())
    for path in paths:
        try:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            problem = str(error.strerror)
            raise SourceError(str(path), "a readable file", problem, "check it") from None
    return digest.hexdigest()[:12]
