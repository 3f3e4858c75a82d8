"""A monitoring run: from the predictions table and a model's reference to a report."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import polars as pl

from lakehouse.clock import Clock
from lakehouse.domains.cdr import names
from lakehouse.names import table_uri
from lakehouse.settings import Settings
from monitoring import day_index, models, scored_rows
from monitoring.analysis.values import ChunkValues
from monitoring.cache import ChunkCache, replace
from monitoring.chunks import Chunk, Day, Period, batches, plan
from monitoring.compose import Header, compose
from monitoring.day_index import DayEntry, Journal
from monitoring.errors import ConflictError, NotFoundError, NotReadyError
from monitoring.models import Registry
from monitoring.report import Freshness, Report

if TYPE_CHECKING:
    from lakehouse.registry import ModelVersion
    from monitoring.analysis.fitted import Fitted

LOG = logging.getLogger(__name__)
FOLDER, CHUNKS = "monitoring", "chunks"
BATCH_ROWS = 100_000
KEPT_FITS = 3
_KEYS = {"User": pl.String, "Date": pl.Date}
_TRAIT = "segment"  # one of the columns that rows have where traits are known

Enrich = Callable[[pl.DataFrame], pl.DataFrame]


@dataclass(frozen=True)
class Request:
    """What a run is asked to look at; what is None is left to the settings and the champion."""

    start: date | None = None
    end: date | None = None
    model_version: int | None = None
    period: Period | None = None


@dataclass(frozen=True)
class _Fit:
    """A reference, the values of chunks against it, and whether traits were known to both."""

    fitted: Fitted
    cache: ChunkCache
    has_traits: bool


class Monitor:
    """Makes reports. Keeps fitted references, chunk values and the journal between runs.

    `enrich` adds traits of subscribers (segment, region, tenure) to rows. One run at a time; the
    gate sees to that.
    """

    def __init__(
        self, settings: Settings, registry: Registry, clock: Clock, enrich: Enrich
    ) -> None:
        self._uri = table_uri(settings.lake_uri, names.PREDICTIONS)
        self._options = settings.lake_options
        self._settings = settings.monitoring
        self._state = settings.state / FOLDER
        self._registry, self._clock, self._enrich = registry, clock, enrich
        self._fits: dict[Path, _Fit] = {}
        self._journal = _read_journal(self._state)

    def run(self, request: Request, run_id: str) -> Report:
        """The report for `request`. Raises a `RequestError` that says what is missing."""
        started = self._clock.now()
        version = models.choose(self._registry, request.model_version)
        fit = self._fit(version, request.period or Period.parse(self._settings.period))
        fitted, seen = fit.fitted, self._refresh()
        days = _days(seen, fitted, request)
        values = self._values(fit, seen, plan(_marked(days, seen), fitted.period))
        finished = self._clock.now()
        latest = max(entry.scored_at for entry in days.values())
        age = (finished - latest).total_seconds()
        freshness = Freshness(latest, age, max(days))
        header = Header(run_id, started, finished, freshness, models.marks(self._registry))
        limits = self._settings
        return compose(header, fitted, values, limits.min_chunk_rows, limits.min_roc_auc)

    def _fit(self, version: ModelVersion, period: Period) -> _Fit:
        # Takes seconds and 300 MB to import, which the service should not wait for.
        from monitoring.analysis.fitted import fit

        folder = self._state / CHUNKS / version.run_id / period.text
        has_traits = _TRAIT in self._enrich(pl.DataFrame(schema=_KEYS)).columns
        known = self._fits.pop(folder, None)
        if known is None or known.has_traits < has_traits:
            LOG.info("learning the reference of model version %d", version.number)
            model, reference = models.open_model(self._registry, version)
            fitted = fit(model, self._enrich(reference), period)
            known = _Fit(fitted, ChunkCache(folder), has_traits)
        self._fits[folder] = known
        self._forget()
        return known

    def _forget(self) -> None:
        """Drop the fits that were used least lately, and chunks of what nobody looks at."""
        while len(self._fits) > KEPT_FITS:
            del self._fits[next(iter(self._fits))]
        folders = sorted((self._state / CHUNKS).glob("*/*"), key=lambda f: f.stat().st_mtime)
        unused = [folder for folder in folders if folder not in self._fits]
        for folder in unused[: max(len(folders) - KEPT_FITS, 0)]:
            shutil.rmtree(folder, ignore_errors=True)

    def _refresh(self) -> Journal:
        fresh = day_index.refresh(self._uri, self._journal, self._options)
        if fresh is None:
            raise NotReadyError(
                self._uri, "a table of predictions", "none", "wait for the first scores"
            )
        if fresh is not self._journal:
            replace(self._state / "journal.json", msgspec.json.encode(fresh))
            self._journal = fresh
        return fresh

    def _values(self, fit: _Fit, seen: Journal, chunks: list[Chunk]) -> list[ChunkValues]:
        fitted, cache, has_traits = fit.fitted, fit.cache, fit.has_traits
        stale = [chunk for chunk in chunks if cache.get(chunk, has_traits) is None]
        for batch in batches(stale, BATCH_ROWS):
            rows = self._rows(fitted, seen, batch)
            for chunk, values in zip(batch, fitted.evaluate(rows, batch), strict=True):
                cache.put(chunk, values, _TRAIT in rows.columns)
        LOG.info("%d chunks, %d of them computed", len(chunks), len(stale))
        found = [cache.get(chunk, has_traits=False) for chunk in chunks]
        return [values for values in found if values is not None]

    def _rows(self, fitted: Fitted, seen: Journal, batch: list[Chunk]) -> pl.DataFrame:
        spans = [(chunk.start, chunk.end) for chunk in batch]
        model = fitted.model
        read = partial(scored_rows.read, options=self._options)
        found = read(self._uri, seen.version, model.version, spans, model.features)
        parts = [
            found.filter(pl.col("Date").is_between(chunk.start, chunk.end)).slice(
                chunk.skip, chunk.rows
            )
            for chunk in batch
        ]
        return self._enrich(pl.concat(parts))


def _days(seen: Journal, fitted: Fitted, request: Request) -> dict[date, DayEntry]:
    """The dates to look at. They begin after the reference, whatever was asked for."""
    start = request.start or max(fitted.model.score_from, _after(fitted))
    if start <= fitted.end:
        raise ConflictError(
            "start_date", f"a date after the reference, which ends on {fitted.end}", str(start),
            "begin later",
        )  # fmt: skip
    entries = seen.days.get(fitted.model.version, {})
    end = request.end or date.max
    chosen = {day: entry for day, entry in entries.items() if start <= day <= end}
    if not chosen:
        raise NotFoundError(
            "predictions", f"rows of model version {fitted.model.version} from {start} on",
            "none", "choose another period or wait for scores",
        )  # fmt: skip
    return chosen


def _after(fitted: Fitted) -> date:
    return date.fromordinal(fitted.end.toordinal() + 1)


def _marked(days: dict[date, DayEntry], seen: Journal) -> list[Day]:
    return [Day(day, entry.rows, f"{seen.identity} {entry.version}") for day, entry in days.items()]


def _read_journal(state: Path) -> Journal | None:
    try:
        return msgspec.json.decode((state / "journal.json").read_bytes(), type=Journal)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None
