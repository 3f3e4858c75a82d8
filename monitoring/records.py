"""Runs as rows, in the lake and in MySQL (which may be down without harm); old ones are dropped."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

import msgspec
import polars as pl
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import DeltaError

from lakehouse import damage, mysql, names, store
from lakehouse.contracts import Contract, Field
from lakehouse.errors import DatabaseError
from lakehouse.settings import Settings
from monitoring.report import Report, answer

LOG = logging.getLogger(__name__)

RUNS = Contract(
    names.MONITORING_RUNS,
    (
        Field("run_id", "string", "the run"),
        Field("started_at", "timestamp", "UTC"),
        Field("finished_at", "timestamp", "UTC"),
        Field("model_version", "int", "version in the registry"),
        Field("period", "string", "D, W, hours, minutes, or rows per chunk"),
        Field("verdict", "string", "ok, or the findings, comma-separated"),
        Field("report", "string", "the short report as JSON"),
        Field("model", "string", "name in the registry; none: the first model", nullable=True),
    ),
    key=("run_id",),
)
# A run is a commit, and dropping one is another: old runs go by the hundred.
SLACK = 100
# The page reads the latest runs from all files. Full files are not written again.
MOST_FILES, FULL_FILE_BYTES = 100, 16 * 1024 * 1024
_INSERT = (
    f"INSERT INTO {names.MYSQL_RUNS} ({', '.join(RUNS.names)}) "  # noqa: S608
    f"VALUES ({', '.join(['%s'] * len(RUNS.names))})"
)
_DROP = f"DELETE FROM {names.MYSQL_RUNS} WHERE started_at < %s AND model = %s"  # noqa: S608
# Runs from before models had names belong to the first one.
_DROP_OF_FIRST = (
    f"DELETE FROM {names.MYSQL_RUNS} "  # noqa: S608
    "WHERE started_at < %s AND (model = %s OR model IS NULL)"
)


class Records:
    """Rows of the runs on one model; `is_first` takes in those from before models had names.

    The latest `monitoring.kept_runs` are kept, and up to `SLACK` more.
    """

    def __init__(self, settings: Settings, model: str, is_first: bool = True) -> None:
        self._uri = names.table_uri(settings.lake_uri, RUNS.name)
        self._options, self._mysql = settings.lake_options, settings.mysql
        self._model, self._is_first = model, is_first
        self._kept = settings.monitoring.kept_runs

    def add(self, report: Report) -> None:
        """Record a run. If the database is down, that is only a warning."""
        row = _row(report)
        rows = pl.DataFrame([row]).to_arrow()
        write_deltalake(
            self._uri, rows, mode="append", schema_mode="merge", storage_options=self._options
        )
        naive = {k: v.replace(tzinfo=None) if k.endswith("_at") else v for k, v in row.items()}
        oldest = self._drop_old()
        try:
            with mysql.connect(self._mysql) as connection, connection.cursor() as cursor:
                cursor.execute(_INSERT, tuple(naive.values()))
                if oldest is not None:
                    drop = _DROP_OF_FIRST if self._is_first else _DROP
                    cursor.execute(drop, (oldest.replace(tzinfo=None), self._model))
                connection.commit()
        except (DatabaseError, mysql.Error) as error:
            LOG.warning("run %s is in the lake but not in MySQL: %s", report.run_id, error)

    def latest(self, count: int) -> list[dict[str, Any]]:
        """The latest runs, newest first, without their reports."""
        if not store.exists(self._uri, self._options):
            return []
        wanted = self._own().drop("report", "model", strict=False)
        newest = wanted.sort("started_at", descending=True).head(count)
        return store.collect(newest, self._uri, self._options).to_dicts()

    def _own(self) -> pl.LazyFrame:
        rows = store.scan(self._uri, self._options)
        if "model" not in rows.collect_schema():
            return rows if self._is_first else rows.clear()
        model = pl.col("model")
        return rows.filter(model.fill_null(self._model) == self._model if self._is_first
                           else model == self._model)  # fmt: skip

    def _drop_old(self) -> datetime | None:
        """Drop runs beyond the number to keep; returns the oldest remaining start, if any went."""
        table = damage.open_log(self._uri, self._options)
        counts = pl.DataFrame(table.get_add_actions(flatten=True))["num_records"]
        if len(counts) > MOST_FILES:
            _compact(table)
        # The log knows how many rows there are in all; files are read only when there are many.
        if counts.sum() <= self._kept + SLACK:
            return None
        starts = store.collect(self._own().select("started_at"), self._uri, self._options)
        if starts.height <= self._kept + SLACK:
            return None
        newest = starts["started_at"].sort(descending=True)
        oldest: datetime = newest[self._kept - 1]
        model = self._model.replace("'", "''")
        own = f"(model = '{model}' OR model IS NULL)" if self._is_first else f"model = '{model}'"
        table.delete(f"started_at < '{oldest.isoformat()}' AND {own}")
        return oldest


def _compact(table: DeltaTable) -> None:
    """Merge small files; if maintenance does so at the same moment, a later run tries again."""
    try:
        table.optimize.compact(target_size=FULL_FILE_BYTES)
    except DeltaError as error:
        LOG.info("the files of past runs were not merged: %s", error)


def verdict(report: Report) -> str:
    """The current findings, or `ok`."""
    found = [name for name, state in report.verdicts.items() if state == "found"]
    return ",".join(found) or "ok"


def _row(report: Report) -> dict[str, Any]:
    return {
        "run_id": report.run_id,
        "started_at": report.started_at,
        "finished_at": report.finished_at,
        "model_version": report.model_version,
        "period": report.period,
        "verdict": verdict(report),
        "report": msgspec.json.encode(answer(report, {})).decode(),
        "model": report.model,
    }
