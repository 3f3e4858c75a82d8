"""Runs as rows: in the lake, where they stay, and in MySQL, which may be down without harm."""

from __future__ import annotations

import logging
from typing import Any

import msgspec
import polars as pl
from deltalake import write_deltalake

from lakehouse import mysql, names, store
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
        Field("period", "string", "D, W or rows a chunk"),
        Field("verdict", "string", "ok, or the findings, comma-separated"),
        Field("report", "string", "the short report as JSON"),
    ),
    key=("run_id",),
)
_INSERT = (
    f"INSERT INTO {names.MYSQL_RUNS} ({', '.join(RUNS.names)}) "  # noqa: S608
    f"VALUES ({', '.join(['%s'] * len(RUNS.names))})"
)


class Records:
    """Rows of runs of one installation."""

    def __init__(self, settings: Settings) -> None:
        self._uri = names.table_uri(settings.lake_uri, RUNS.name)
        self._options, self._mysql = settings.lake_options, settings.mysql

    def add(self, report: Report) -> None:
        """Keep a run. A database that is down costs a warning, not the run."""
        row = _row(report)
        rows = pl.DataFrame([row]).to_arrow()
        write_deltalake(self._uri, rows, mode="append", storage_options=self._options)
        naive = {k: v.replace(tzinfo=None) if k.endswith("_at") else v for k, v in row.items()}
        try:
            with mysql.connect(self._mysql) as connection, connection.cursor() as cursor:
                cursor.execute(_INSERT, tuple(naive.values()))
                connection.commit()
        except (DatabaseError, mysql.Error) as error:
            LOG.warning("run %s is in the lake but not in MySQL: %s", report.run_id, error)

    def latest(self, count: int) -> list[dict[str, Any]]:
        """The latest runs, newest first, without their reports."""
        if not store.exists(self._uri, self._options):
            return []
        wanted = (
            store.scan(self._uri, self._options).drop("report").sort("started_at", descending=True)
        )
        return wanted.head(count).collect().to_dicts()


def verdict(report: Report) -> str:
    """The findings that hold, or `ok`."""
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
    }
