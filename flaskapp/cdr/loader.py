"""Loading history: the days of a source before those left for a replay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl

from flaskapp import state, streams
from flaskapp.bulk import open_uploader
from flaskapp.cdr import feed, lateness
from flaskapp.cdr.history import History, Writers
from flaskapp.cdr.lateness import TooLateError
from flaskapp.cdr.mappings import FileSource, load, open_files
from flaskapp.cdr.mappings.fields import EVENTS
from flaskapp.cdr.mappings.reading import REJECTS, read
from flaskapp.cdr.mappings.source import reading_options
from flaskapp.cdr.origin import open_source
from flaskapp.cdr.repeats import Repeats
from flaskapp.cdr.sources import Source
from flaskapp.cdr.worlds import WorldSource
from lakehouse import mysql
from lakehouse.clock import Clock, SystemClock
from lakehouse.domains.cdr.names import NAME
from lakehouse.domains.settings import Settings
from lakehouse.errors import DatabaseError

BLOCK_ROWS = 20_000
PREVIEW_ROWS, PREVIEW_REJECTS = 10, 100
POPULATED = "Table already populated. Skipping database initialization."

Progress = Callable[[float, float], None]


@dataclass(frozen=True)
class Loaded:
    """The result of a load: rows added, lines rejected and where they are listed, a sentence.

    `repeats` is the number of rows left out because they were already stored.
    """

    rows: int
    message: str
    rejected: int = 0
    rejects: Path | None = None
    repeats: int = 0


@dataclass(frozen=True)
class Rejects:
    """How many lines would be rejected, and the first of them."""

    height: int
    first: pl.DataFrame

    @property
    def reason(self) -> str:
        """Why the first of them would be rejected, empty when there is none."""
        return str(self.first["reason"][0]) if self.first.height else ""

    def head(self, rows: int) -> pl.DataFrame:
        """The first `rows` of them, of those that are kept."""
        return self.first.head(rows)


@dataclass(frozen=True)
class Preview:
    """What a load would do: usage rows in all, the first of them, and the rejected lines."""

    rows: int
    first: pl.DataFrame
    rejects: Rejects


def _silent(_done: float, _total: float) -> None:
    """Ignores progress."""


def load_history(
    settings: Settings, progress: Progress = _silent, clock: Clock | None = None
) -> Loaded:
    """Load the history of the configured source, from where an earlier load stopped.

    `progress` is told the days done and the total days. Raises `DatabaseError` when another load
    runs, `SourceError` when a file cannot be read, `TooLateError` when the lake would refuse its
    rows. The simulated world is left out instead, when somebody has loaded newer files of their
    own.
    """
    clock = clock or SystemClock()
    return _load(settings, lambda cursor: open_source(cursor, settings, clock), progress, clock)


def load_file(
    settings: Settings,
    paths: tuple[Path, ...],
    mapping: str,
    progress: Progress = _silent,
    clock: Clock | None = None,
    *,
    allow_repeats: bool = False,
) -> Loaded:
    """Load files by a mapping, regardless of the configured source; a file is only loaded once.

    Rows that are already in the database are left out, unless `allow_repeats`. Raises
    `TooLateError` when the lake would refuse rows of the files, and stores none of them.
    """
    clock = clock or SystemClock()
    source = open_files(settings, paths, mapping, clock)
    return _load(settings, lambda _cursor: source, progress, clock, allow_repeats)


def preview_file(
    settings: Settings, paths: tuple[Path, ...], mapping: str, clock: Clock | None = None
) -> Preview:
    """Read files by a mapping and load nothing. Raises `SourceError`."""
    options = reading_options(settings, clock or SystemClock())
    rows = rejected = 0
    first, rejects = list[pl.DataFrame](), [pl.DataFrame(schema=REJECTS)]
    for path, spec in load(mapping).assign(paths):
        for block in read(path, spec, options):
            if rows < PREVIEW_ROWS:
                first.append(block.events.head(PREVIEW_ROWS - rows))
            if rejected < PREVIEW_REJECTS:
                rejects.append(block.rejects.head(PREVIEW_REJECTS - rejected))
            rows, rejected = rows + block.events.height, rejected + block.rejects.height
    shown = pl.concat(first) if first else pl.DataFrame(schema=EVENTS)
    return Preview(rows, shown, Rejects(rejected, pl.concat(rejects)))


def is_loading(cursor: Any, settings: Settings) -> bool:
    """Whether a load is running, in any process."""
    return mysql.is_locked(cursor, _lock(settings))


def _lock(settings: Settings) -> str:
    return f"{settings.mysql.database}.load"


def _load(
    settings: Settings,
    open_: Callable[[Any], Source],
    progress: Progress,
    clock: Clock,
    allow_repeats: bool = False,
) -> Loaded:
    with (
        mysql.connect(settings.mysql) as reading,
        mysql.lock(reading, _lock(settings)) as held,
        open_uploader(settings) as usage,
        open_uploader(settings) as outcomes,
        reading.cursor() as cursor,
    ):
        if not held:
            raise DatabaseError.sentence("Another load is running; wait until it has finished.")
        source = open_(cursor)
        stream_id = _stream(cursor, source, clock)
        is_file = isinstance(source, FileSource)
        repeats = Repeats(cursor, stream_id) if is_file and not allow_repeats else None
        writers = Writers(reading, usage, outcomes)
        history = History(writers, source, stream_id, BLOCK_ROWS, settings, clock, repeats)
        problem = _refusal(cursor, history)
        if problem is not None and isinstance(source, WorldSource):
            return Loaded(0, f"The simulated world is left out. {problem}")
        if problem is not None:
            raise TooLateError.sentence(problem)
        reading.commit()  # not before: nothing is left of a load that is refused
        return _walk(history, cursor, progress)


def _refusal(cursor: Any, history: History) -> str | None:
    """Why the lake would refuse some of the rows left to load; None if it would not."""
    source, offset = history.source, feed.committed_offset(cursor, history.source)
    oldest = lateness.oldest_allowed(cursor, history.settings)
    if oldest is None:
        return None
    last = min(source.history_end, oldest - timedelta(days=1))
    for day in source.days(offset.date, last) if offset.date <= last else ():
        if history.unseen(day).events.height:
            what = f"What is new in {source.name}"
            return lateness.refusal(cursor, history.settings, day.date, what)
    return None


def _walk(history: History, cursor: Any, progress: Progress) -> Loaded:
    source = history.source
    rejected, listed = (
        (source.rejected, source.rejects) if isinstance(source, FileSource) else (0, None)
    )
    before = _sent(cursor, history)
    if feed.committed_offset(cursor, source).date > source.history_end:
        _end(history, cursor)  # what came last may have been killed before it could
        return Loaded(0, POPULATED, rejected, listed)
    total = (source.history_end - source.first).days + 1
    for offset in history.walk():
        progress((offset.date - source.first).days, total)
    _end(history, cursor)
    added = _sent(cursor, history) - before
    repeats, seen = history.repeats.total if history.repeats is not None else (0, 0)
    message = f"{added:,} rows of {source.name} loaded"
    if repeats:
        message += (
            f"; {repeats:,} of its {seen:,} rows are there already (same subscriber, moment and "
            "values) and were left out"
        )
    return Loaded(added, message, rejected, listed, repeats)


def _end(history: History, cursor: Any) -> None:
    streams.end(cursor, history.stream_id, "finished", history.clock.now())
    history.writers.reading.commit()


def _sent(cursor: Any, history: History) -> int:
    stream = streams.get(cursor, history.stream_id)
    return stream.sent_rows if stream else 0


def _stream(cursor: Any, source: Source, clock: Clock) -> str:
    """The stream that the history of `source` belongs to, the same one after an interruption."""
    name = f"history:{source.name}"
    kept = state.recall(cursor, name)
    if kept is not None:
        return str(kept)
    stream_id = streams.new_id("history", clock.now())
    streams.begin(cursor, stream_id, NAME, "history", {"source": source.name}, clock.now())
    state.remember(cursor, name, stream_id)
    return stream_id
