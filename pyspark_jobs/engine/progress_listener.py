"""One listener for all queries: every batch is reported to a file and to a table."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path

import msgspec
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import DeltaError
from py4j.java_gateway import JavaObject
from pyspark.sql.streaming.listener import (
    QueryIdleEvent,
    QueryProgressEvent,
    QueryStartedEvent,
    QueryTerminatedEvent,
    StreamingQueryListener,
    StreamingQueryProgress,
)

from lakehouse import progress, store
from lakehouse.clock import Clock
from lakehouse.progress import QueryProgress
from pyspark_jobs.engine import failures

LOG = logging.getLogger(__name__)
_TABLE_SCHEMA = pa.schema(
    [
        ("query", pa.string()),
        ("at", pa.timestamp("us", "UTC")),
        ("batch_id", pa.int64()),
        ("rows", pa.int64()),
        ("rows_per_second", pa.float64()),
        ("batch_seconds", pa.float64()),
        ("phases_ms", pa.string()),
        ("lag_offsets", pa.int64()),
        ("lag_versions", pa.int64()),
        ("lag_seconds", pa.float64()),
        ("quarantine_ratio", pa.float64()),
    ]
)


_DELTA_SOURCE = re.compile(r"DeltaSource\[(?:file:)?(.+)\]$")


def _in_one_piece(report: JavaObject) -> StreamingQueryProgress:
    return StreamingQueryProgress.fromJson(json.loads(report.json()))


# PySpark asks the JVM for each field by itself, and ends each list by an exception: an eighth of a
# small pipeline's processor time. `lastProgress` of a query takes the way above, too.
StreamingQueryProgress.fromJObject = _in_one_piece  # type: ignore[method-assign,assignment]

# Spark's event knows nothing of what a batch function finds; the function leaves it here.
_quarantine_ratios: dict[str, float] = {}


def note_quarantine(query: str, bad: int, total: int) -> None:
    """Record the share of bad messages in the batch that `query` is writing, for its report."""
    _quarantine_ratios[query] = bad / total if total else 0.0


class ProgressListener(StreamingQueryListener):
    """Writes `<state>/progress/<query>.json` at each batch, and the table every `flush_rows`.

    The table is written without Spark: a commit of a few rows takes milliseconds this way. Once a
    day, rows older than `days` are removed.
    """

    def __init__(
        self,
        state: Path,
        table_uri: str,
        clock: Clock,
        flush_rows: int = 100,
        options: Mapping[str, str] | None = None,
        days: int = 30,
    ) -> None:
        self._state, self._uri, self._clock, self._flush_rows = state, table_uri, clock, flush_rows
        self._options = dict(options or {})
        self._keep, self._trimmed_on = timedelta(days=days), date.min
        self._level_since: dict[str, datetime] = {}
        self._names: dict[str, str] = {}
        self._last: dict[str, QueryProgress] = {}
        self._rows: list[QueryProgress] = []

    def onQueryStarted(self, event: QueryStartedEvent) -> None:  # noqa: N802
        """Spark's hook: a query has started."""
        name = event.name or str(event.id)
        self._names[str(event.runId)] = name
        last, now = self._last.get(name), self._clock.now()
        if last is not None and last.state == "waiting":
            self._report(msgspec.structs.replace(last, at=now))
        else:
            self._report(QueryProgress(name, "running", now))

    def onQueryProgress(self, event: QueryProgressEvent) -> None:  # noqa: N802
        """Spark's hook: a batch has ended."""
        measured = self._measure(event.progress)
        self._report(measured)
        self._rows.append(measured)
        if len(self._rows) >= self._flush_rows:
            self.flush()

    def onQueryIdle(self, event: QueryIdleEvent) -> None:  # noqa: N802
        """Spark's hook: nothing new at the source; the query is up to date."""
        name = self._names.get(str(event.runId))
        if name in self._last:
            now = self._clock.now()
            self._level_since[name] = now
            last = self._last[name]
            behind = None if last.lag_versions is None else 0
            level = msgspec.structs.replace(
                last, state="running", at=now, lag_seconds=0.0, lag_versions=behind, error=None,
                waiting_since=None,
            )  # fmt: skip
            self._report(level)

    def onQueryTerminated(self, event: QueryTerminatedEvent) -> None:  # noqa: N802
        """Spark's hook: a query has stopped, normally or with an error."""
        name = self._names.pop(str(event.runId), None)
        if name is None:
            return
        last, now = self._last[name], self._clock.now()
        state: progress.State = "stopped"
        since = error = None
        if event.exception:
            error = failures.summary(event.exception)
            is_away = failures.is_transient(event.exception)
            state, since = ("waiting", last.waiting_since or now) if is_away else ("failed", None)
        self._report(
            msgspec.structs.replace(last, state=state, at=now, error=error, waiting_since=since)
        )
        self.flush()

    def flush(self) -> None:
        """Append the collected rows to the table."""
        if not self._rows:
            return
        rows, self._rows = self._rows, []
        columns = {name: [_cell(row, name) for row in rows] for name in _TABLE_SCHEMA.names}
        write_deltalake(
            self._uri,
            pa.table(columns, schema=_TABLE_SCHEMA),
            mode="append",
            schema_mode="merge",  # a table of an earlier release may lack a column
            storage_options=self._options,
        )
        self._trim()

    def _trim(self) -> None:
        """Remove rows that are too old, once a day; the next maintenance removes their files."""
        now = self._clock.now()
        if now.date() == self._trimmed_on:
            return
        self._trimmed_on = now.date()
        oldest = f"{now - self._keep:%Y-%m-%d %H:%M:%S}Z"
        try:
            table = DeltaTable(self._uri, storage_options=self._options)
            table.delete(f"at < arrow_cast('{oldest}', 'Timestamp(Microsecond, Some(\"UTC\"))')")
        except DeltaError as error:  # another writer was faster; tomorrow is another day
            LOG.warning("rows of %s older than %s stay for now: %s", self._uri, oldest, error)

    def _report(self, measured: QueryProgress) -> None:
        self._last[measured.query] = measured
        progress.write_query(self._state, measured)

    def _measure(self, batch: StreamingQueryProgress) -> QueryProgress:
        name, now = batch.name or str(batch.id), self._clock.now()
        lag_offsets = _metric(batch, "maxOffsetsBehindLatest")
        lag_versions = _versions_behind(batch, self._options)
        if not lag_offsets and not lag_versions:
            self._level_since[name] = now
        level = self._level_since.setdefault(name, now)
        return QueryProgress(
            query=name,
            state="running",
            at=now,
            batch_id=batch.batchId,
            rows=batch.numInputRows,
            rows_per_second=round(_finite(batch.processedRowsPerSecond), 1),
            batch_seconds=batch.batchDuration / 1000,
            phases_ms={key: int(value) for key, value in batch.durationMs.items()},
            lag_offsets=lag_offsets,
            lag_versions=lag_versions,
            lag_seconds=round((now - level).total_seconds(), 3),
            quarantine_ratio=_quarantine_ratios.get(name),
        )


def _metric(batch: StreamingQueryProgress, name: str) -> int | None:
    values = [source.metrics[name] for source in batch.sources if name in (source.metrics or {})]
    return int(float(values[0])) if values else None


def _versions_behind(batch: StreamingQueryProgress, options: dict[str, str]) -> int | None:
    """How many versions of the Delta tables are still unread; None without such a source.

    The source reports how far it has read, but not the table's latest version.
    """
    behind = None
    for source in batch.sources:
        described = _DELTA_SOURCE.match(source.description or "")
        if described and source.endOffset:
            latest = store.version(described[1], options)
            offset = json.loads(source.endOffset)
            # Without an index it names the version to read next, else the one it has read of.
            read = offset["reservoirVersion"] - (1 if offset["index"] < 0 else 0)
            behind = (behind or 0) + max(0, (latest or 0) - read)
    return behind


def _finite(value: float | None) -> float:
    return value if value is not None and value < float("inf") else 0.0


def _cell(row: QueryProgress, name: str) -> object:
    value = getattr(row, name)
    return msgspec.json.encode(value).decode() if isinstance(value, dict) else value
