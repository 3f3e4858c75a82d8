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
from filelock import FileLock

from flaskapp.cdr.mappings.fields import EVENTS, Options
from flaskapp.cdr.mappings.reading import REJECTS, read
from flaskapp.cdr.mappings.spec import FileSpec, Mapping
from flaskapp.cdr.mappings.store import load
from flaskapp.cdr.sources import SourceDay
from lakehouse import display, files
from lakehouse.clock import Clock
from lakehouse.domains.settings import Settings
from lakehouse.errors import SourceError

SUBSCRIBERS = "subscribers.parquet"
SUMMARY = "summary.json"
REJECTED = "rejects.csv"
FEW_ROWS = 100_000


@dataclass(frozen=True)
class FileSource:
    """Staged files as a source; the last `replay_days` days are left for a replay.

    `accepted` and `rejected` count lines; together they are the lines of the files.
    """

    name: str
    folder: Path
    first: date
    last: date
    accepted: int
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
    options, assigned = reading_options(settings, clock), mapping.assign(paths)
    name = f"{mapping_name}-{_digest(mapping, [path for path, _ in assigned], options)}"
    folder = settings.state / "staging" / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not (folder / SUMMARY).exists():
            partial = folder.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            _stage(partial, assigned, options)
            shutil.rmtree(folder, ignore_errors=True)
            partial.rename(folder)
    summary = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
    first, last = (date.fromisoformat(summary[key]) for key in ("first", "last"))
    counts = (summary["accepted"], summary["rejected"])
    return FileSource(name, folder, first, last, *counts, settings.source.replay_days)


def reading_options(settings: Settings, clock: Clock) -> Options:
    """How this installation reads files, whatever their mapping."""
    secret = settings.source.pseudonym_key
    key = secret.get_secret_value().encode() if secret is not None else None
    return Options(clock.now(), settings.timezone, key)


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


def _stage(folder: Path, assigned: list[tuple[Path, FileSpec]], options: Options) -> None:
    """Write the usage of all files by day, the subscribers, the rejected lines, and the counts."""
    seen = _Seen(pl.DataFrame(schema={"DP_MSISDN": pl.String, "Date": pl.Date}), [])
    local_date = pl.col("DP_DATE").dt.convert_time_zone(options.timezone).dt.date()
    accepted, rejected, reason = 0, 0, "no line"
    with (folder / REJECTED).open("wb") as rejects:
        pl.DataFrame(schema=REJECTS).write_csv(rejects)
        for number, (path, spec) in enumerate(assigned):
            for block, found in enumerate(read(path, spec, options)):
                _harmless(found.rejects).write_csv(rejects, include_header=False)
                if found.rejects.height and not rejected:
                    reason = found.rejects["reason"][0]
                accepted, rejected = accepted + found.accepted, rejected + found.rejects.height
                dated = found.events.with_columns(local_date.alias("Date"))
                seen.add(dated)
                _write_days(folder, f"{number:03}-{block:06}.parquet", dated)
    subscribers = seen.fold()
    if subscribers.is_empty():
        path = assigned[0][0]
        raise SourceError(str(path), "a line of usage", reason, "choose another mapping")
    nothing = pl.lit(None, pl.String)
    listed = subscribers.select("DP_MSISDN", segment=nothing, region=nothing, activated_on="Date")
    listed.sort("DP_MSISDN").write_parquet(folder / SUBSCRIBERS)
    days = sorted(path.name for path in folder.iterdir() if path.is_dir())
    counts = {"accepted": accepted, "rejected": rejected}
    summary = {"first": days[0], "last": days[-1], **counts}
    files.replace(folder / SUMMARY, json.dumps(summary).encode())


def _harmless(rejects: pl.DataFrame) -> pl.DataFrame:
    """Cells made fit for a terminal and for a spreadsheet, which would run a formula."""
    texts = pl.col(pl.String)
    return rejects.with_columns(texts.map_elements(display.csv_cell, return_dtype=pl.String))


def _write_days(folder: Path, name: str, dated: pl.DataFrame) -> None:
    for (day,), events in dated.partition_by("Date", as_dict=True).items():
        part = folder / f"{day:%Y-%m-%d}" / name
        part.parent.mkdir(exist_ok=True)
        events.drop("Date").write_parquet(part, compression="lz4")


def _digest(mapping: Mapping, paths: list[Path], options: Options) -> str:
    """A name for what the files hold, read in this way."""
    described = mapping.model_dump_json(exclude_defaults=True)
    digest = hashlib.sha256(f"{described}{options.timezone}".encode())
    if options.key is not None and any(
        n.pseudonym for f in mapping.files.values() for n in f.numbers
    ):
        digest.update(hashlib.sha256(options.key).digest())
    for path in paths:
        try:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            problem = str(error.strerror)
            raise SourceError(str(path), "a readable file", problem, "check it") from None
    return digest.hexdigest()[:12]
