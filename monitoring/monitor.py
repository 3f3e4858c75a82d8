"""A monitoring run: from the predictions table and a model's reference to a report."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import polars as pl

from lakehouse.clock import Clock
from lakehouse.errors import SettingsError
from lakehouse.files import replace
from lakehouse.settings import Settings
from monitoring import memory, models
from monitoring.analysis.values import ENTITY, TIME, ChunkValues
from monitoring.bucket_index import BucketEntry, BucketIndex, IndexReader, read_index
from monitoring.buckets import day_of
from monitoring.cache import ChunkCache
from monitoring.chunks import Bucket, Chunk, Period, batches, plan
from monitoring.compose import Header, compose
from monitoring.errors import ConflictError, NotFoundError, NotReadyError, RequestError
from monitoring.measures import measured
from monitoring.models import Registry
from monitoring.report import Freshness, Report
from monitoring.scored_rows import ScoredRows, canonical
from monitoring.site import FOLDER, Site
from monitoring.traits import has_traits

if TYPE_CHECKING:
    from lakehouse.registry import ModelVersion
    from monitoring.analysis.fitted import Fitted

__all__ = ["CHUNKS", "FOLDER", "Monitor", "Request"]

LOG = logging.getLogger(__name__)
CHUNKS, INDEX = "chunks", "buckets.json"
BATCH_ROWS = 100_000
KEPT_FITS = 3

Enrich = Callable[[pl.DataFrame], pl.DataFrame]


@dataclass(frozen=True)
class Request:
    """What a run should look at; None leaves it to the settings and the champion."""

    start: date | None = None
    end: date | None = None
    model_version: int | None = None
    period: Period | None = None


@dataclass(frozen=True)
class _Fit:
    """A reference, the values of chunks compared with it, and whether traits were known to both."""

    fitted: Fitted
    cache: ChunkCache
    has_traits: bool


class Monitor:
    """Makes reports on one model.

    Keeps fitted references, chunk values and the index of buckets. `enrich` adds traits of the
    entities to rows. One run at a time, which the gate ensures. Raises `SettingsError` for a period
    that is too fine for the model's times.
    """

    def __init__(
        self, settings: Settings, site: Site, registry: Registry, clock: Clock, enrich: Enrich
    ) -> None:
        scored = site.scored
        self._rows = ScoredRows(scored, settings.lake_uri, settings.lake_options)
        self._buckets = self._rows.buckets
        self._index_reader = IndexReader(
            self._rows.uri, scored.time, self._buckets, settings.lake_options
        )
        self._settings, self._timezone = settings.monitoring, settings.timezone
        self._scored, self._state = scored, site.state
        self._registry, self._clock, self._enrich = registry, clock, enrich
        self._period = Period.parse(settings.monitoring.period or scored.chunk)
        if needed := self._buckets.why_not(self._period):
            raise SettingsError(
                "setting monitoring.period", f"for model {scored.model} {needed}",
                self._period.text, "choose a longer one, or leave it out",
            )  # fmt: skip
        self._fits: dict[Path, _Fit] = {}
        self._index = read_index(self._state / INDEX)

    def run(self, request: Request, run_id: str) -> Report:
        """The report for `request`. Raises a `RequestError` that says what is missing."""
        started = self._clock.now()
        period = request.period or self._period
        if needed := self._buckets.why_not(period):
            raise RequestError("period", needed, period.text, "choose a longer one")
        fit = self._fit(models.choose(self._registry, request.model_version), period)
        fitted, index = fit.fitted, self._refresh()
        entries = self._entries(index, fitted, request)
        chunks = plan(_marked(entries, index), fitted.period)
        values = self._values(fit, index, chunks)
        finished = self._clock.now()
        latest = max(entry.scored_at for entry in entries.values())
        age = (finished - latest).total_seconds()
        freshness = Freshness(latest, age, self._buckets.text(max(entries)))
        header = Header(
            self._scored, run_id, started, finished, freshness, models.marks(self._registry),
            self._unfinished(chunks, period, index.entries[fitted.model.version]),
        )  # fmt: skip
        limits = self._settings
        report = compose(header, fitted, values, limits.min_chunk_rows, limits.min_roc_auc)
        rows = self._rows.of_version(index.version, fitted.model.version)
        found = measured(rows, self._scored, self._buckets, chunks)
        return msgspec.structs.replace(report, measures=found)

    def _unfinished(
        self, chunks: Sequence[Chunk], period: Period, known: Mapping[str, BucketEntry]
    ) -> frozenset[str]:
        """The keys of the chunks of which more rows are expected.

        They are expected until a chunk's time is over; a source whose clock is ahead begins the
        next one before that. Of the newest chunk they are expected until nothing has been scored
        for a while, too: with a replay of the past, the only sign that it is not done is that rows
        keep coming.
        """
        last, newest, now = chunks[-1], max(known), self._clock.now()
        is_newest = self._buckets.text(last.end) == newest
        if period.rows:
            return frozenset({last.key} if is_newest and last.rows < period.rows else ())
        settled = known[newest].scored_at + timedelta(minutes=self._settings.settle_minutes)
        filling = takewhile(
            lambda chunk: now < self._buckets.end(period, chunk.end, self._timezone),
            reversed(chunks),
        )
        found = {chunk.key for chunk in filling}
        return frozenset(found | {last.key} if is_newest and now < settled else found)

    def _fit(self, version: ModelVersion, period: Period) -> _Fit:
        # Takes seconds and 300 MB to import, which the service should not wait for.
        from monitoring.analysis.fitted import fit

        folder = self._state / CHUNKS / version.run_id / period.text
        keys = pl.DataFrame(schema={ENTITY: pl.String, TIME: pl.Date})
        are_known = has_traits(self._enrich(keys))
        known = self._fits.pop(folder, None)
        if known is None or known.has_traits < are_known:
            LOG.info("learning the reference of model version %d", version.number)
            bundle = self._registry.load(version)
            # No name keeps the reference's rows, which `fit` lets go of as soon as it can.
            fitted = fit(
                models.model_of(version, bundle.manifest),
                self._enrich(canonical(self._scored, bundle.reference())), period, self._buckets,
            )  # fmt: skip
            known = _Fit(fitted, ChunkCache(folder), are_known)
            memory.give_back()
        self._fits[folder] = known
        self._forget()
        return known

    def _forget(self) -> None:
        """Drop the least recently used fits, and chunks that belong to none."""
        while len(self._fits) > KEPT_FITS:
            del self._fits[next(iter(self._fits))]
        folders = sorted((self._state / CHUNKS).glob("*/*"), key=lambda f: f.stat().st_mtime)
        unused = [folder for folder in folders if folder not in self._fits]
        for folder in unused[: max(len(folders) - KEPT_FITS, 0)]:
            shutil.rmtree(folder, ignore_errors=True)

    def _refresh(self) -> BucketIndex:
        fresh = self._index_reader.refresh(self._index)
        if fresh is None:
            raise NotReadyError(
                self._rows.uri, "a table of predictions", "none", "wait for the first scores"
            )
        if fresh is not self._index:
            replace(self._state / INDEX, msgspec.json.encode(fresh))
            self._index = fresh
        return fresh

    def _values(self, fit: _Fit, index: BucketIndex, chunks: list[Chunk]) -> list[ChunkValues]:
        cache = fit.cache
        stale = [chunk for chunk in chunks if cache.get(chunk, fit.has_traits) is None]
        for batch in batches(stale, BATCH_ROWS):
            self._evaluate(fit, index, batch)
        LOG.info("%d chunks, %d of them computed", len(chunks), len(stale))
        found = [cache.get(chunk, has_traits=False) for chunk in chunks]
        return [values for values in found if values is not None]

    def _evaluate(self, fit: _Fit, index: BucketIndex, batch: list[Chunk]) -> None:
        """Put the values of a batch into the cache; its rows are gone before the next is read."""
        rows = self._read(fit.fitted, index, batch)
        for chunk, values in zip(batch, fit.fitted.evaluate(rows, batch), strict=True):
            fit.cache.put(chunk, values, has_traits(rows))
        del rows
        memory.give_back()

    def _read(self, fitted: Fitted, index: BucketIndex, batch: list[Chunk]) -> pl.DataFrame:
        spans = [(chunk.start, chunk.end) for chunk in batch]
        model = fitted.model
        found = self._rows.read(index.version, model.version, spans, model.features)
        if len(batch) == 1 and (batch[0].skip, batch[0].rows) == (0, found.height):
            return self._enrich(found)
        parts = [
            found.filter(self._buckets.between(pl.col(TIME), chunk.start, chunk.end)).slice(
                chunk.skip, chunk.rows
            )
            for chunk in batch
        ]
        return self._enrich(pl.concat(parts))

    def _entries(
        self, index: BucketIndex, fitted: Fitted, request: Request
    ) -> dict[date, BucketEntry]:
        """The buckets to look at. They begin after the reference, whatever was requested."""
        start = request.start or fitted.model.score_from
        last = day_of(fitted.end)
        # A timestamp's bucket may come after the reference on the reference's last date.
        if request.start and start <= last and (self._buckets.width is None or start < last):
            raise ConflictError(
                "start_date", f"a date after the reference, which ends on {last}", str(start),
                "begin later",
            )  # fmt: skip
        known = index.entries.get(fitted.model.version, {})
        parsed = {self._buckets.parse(text): entry for text, entry in known.items()}
        end = request.end or date.max
        chosen = {
            bucket: entry
            for bucket, entry in parsed.items()
            if bucket > fitted.end and start <= day_of(bucket) <= end
        }
        if not chosen:
            raise NotFoundError(
                "predictions", f"rows of model version {fitted.model.version} from {start} on",
                "none", "choose another period or wait for scores",
            )  # fmt: skip
        return chosen


def _marked(entries: Mapping[date, BucketEntry], index: BucketIndex) -> list[Bucket]:
    return [
        Bucket(start, entry.rows, f"{index.identity} {entry.version}")
        for start, entry in entries.items()
    ]
