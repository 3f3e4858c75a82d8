"""Tests of SQL files: given rows in, expected rows out, by the same SQL as batch and as stream.

A test is a YAML file in the folder `tests` beside the SQL:

    given:
      events:
        - {id: "1", ts: 2026-01-01T10:00:00Z, amount: 5}
    expect:
      sums:
        - {id: "1", start: 2026-01-01T10:00:00Z, amount: 5}

Of each expected row only the columns that it names are compared. Rows may come in any order.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import msgspec
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as t

from lakehouse import yaml_files
from lakehouse.errors import StreamError, closest
from pyspark_jobs.delta import tables
from pyspark_jobs.engine.session import configured
from pyspark_jobs.sql import analysis, catalog
from pyspark_jobs.sql.catalog import Catalog
from pyspark_jobs.sql.run import NO_DATA
from pyspark_jobs.sql.sql_file import SqlFile, with_ticks

Way = Literal["batch", "stream"]
WAYS: tuple[Way, ...] = ("batch", "stream")
Rows = list[dict[str, Any]]
# A tick so far behind the last event that every window has ended by then.
AFTER = timedelta(days=2)


@dataclass(frozen=True)
class Case:
    """Rows of streams and tables, and the rows that views must have."""

    name: str
    given: Mapping[str, Rows]
    expect: Mapping[str, Rows]


@dataclass(frozen=True)
class Tested:
    """The files that are tested, and what they may read."""

    spark: SparkSession
    files: Sequence[SqlFile]
    known: Catalog


class _Written(msgspec.Struct, forbid_unknown_fields=True):
    given: dict[str, Rows]
    expect: dict[str, Rows]


def read(folder: Path) -> list[Case]:
    """The tests beside the SQL files in `folder`. Raises `StreamError` for what is no test."""
    cases = []
    for path in sorted((folder / "tests").glob("*.yaml")):
        try:
            found = msgspec.convert(yaml_files.read(path, StreamError), _Written)
        except msgspec.ValidationError as error:
            needed, do = "`given` and `expect` with lists of rows by name", "correct the test"
            raise StreamError(str(path), needed, str(error), do) from None
        cases.append(Case(path.name, found.given, found.expect))
    return cases


def differences(tested: Tested, case: Case, way: Way) -> list[str]:
    """How the rows differ from the expected ones, a sentence for each view; empty if they agree.

    Raises `StreamError` for a name that there is not, and the `SqlError` of a file that is wrong.
    """
    files = {file.name for file in tested.files}
    _require(case.given, tested.known.names, f"{case.name}: there is no stream or table")
    _require(case.expect, files, f"{case.name}: there is no file of the pipeline")
    found = run(tested, case.given, tuple(case.expect), way)
    told = []
    for view, expected in case.expect.items():
        names = sorted({name for row in expected for name in row})
        rows = [{name: row.get(name) for name in names} for row in found[view]]
        wanted = sorted(map(_text, expected))
        got = sorted(map(_text, rows))
        if wanted != got:
            missing = [one for one in wanted if one not in got]
            more = [one for one in got if one not in wanted]
            told.append(
                f"{case.name}, {view} as a {way}: {len(wanted)} rows expected, {len(got)} came; "
                f"missing: {' '.join(missing[:3]) or 'none'}; too many: "
                f"{' '.join(more[:3]) or 'none'}."
            )
    return told


def _require(names: Iterable[str], known: Collection[str], problem: str) -> None:
    for name in names:
        if name not in known:
            raise StreamError.sentence(f"{problem} called {name!r}; {closest(name, known)}")


def run(
    tested: Tested,
    given: Mapping[str, Rows],
    wanted: Sequence[str],
    way: Way,
    batches: int = 1,
) -> dict[str, Rows]:
    """The rows of the views `wanted`; as a stream in that many micro-batches."""
    spark, files, known = tested.spark, tested.files, tested.known
    with (
        TemporaryDirectory(prefix="cdrlake-sql-") as place,
        configured(spark, {NO_DATA: "true"}),
    ):
        _make_views(spark, known, given, Path(place) if way == "stream" else None, batches)
        texts = {file.name: with_ticks(file.query, frozenset(known.streams)) for file in files}
        queries = texts if way == "stream" else None
        found = analysis.pipeline(spark, files, known.names, queries)
        for error in found.failed.values():
            raise error
        try:
            return {
                name: _rows(found.done[name].frame, Path(place) / f"_{name}") for name in wanted
            }
        finally:
            found.drop_views()


def _make_views(
    spark: SparkSession,
    known: Catalog,
    given: Mapping[str, Rows],
    place: Path | None,
    batches: int,
) -> None:
    for name, contract in known.tables.items():
        schema = tables.schema(contract)
        _frame(spark, given.get(name, []), schema).createOrReplaceTempView(name)
    for name, feed in known.streams.items():
        rows, schema = given.get(name, []), catalog.row_schema(feed)
        if place is None:
            _frame(spark, rows, schema).createOrReplaceTempView(name)
            continue
        told = [row.get(feed.event_time) for row in rows] if feed.event_time else []
        moments = [_moment(value) for value in told if value is not None]
        end = [{"ts": max(moments) + AFTER}] if moments else []
        events = _stream(spark, place / name, rows, schema, batches)
        # As many files before it, so that the last micro-batch is the one with the tick.
        ticks = _stream(
            spark, place / f"{name}_ticks", [{}] * (batches if end else 0) + end,
            t.StructType([t.StructField("ts", t.TimestampType())]), batches + 1,
        )  # fmt: skip
        catalog.views(name, feed, events, ticks.where("ts IS NOT NULL"))


def _stream(
    spark: SparkSession, folder: Path, rows: Rows, schema: t.StructType, batches: int
) -> DataFrame:
    folder.mkdir(parents=True)
    size = max(-(-len(rows) // batches), 1)
    for number in range(0, len(rows), size):
        lines = [json.dumps(row, default=_written) for row in rows[number : number + size]]
        path = folder / f"{number:09d}.json"
        path.write_text("\n".join(lines), encoding="utf-8")
        os.utime(path, (number + 1, number + 1))  # the order in which Spark reads them
    reader = spark.readStream.schema(schema).option("maxFilesPerTrigger", 1)
    return reader.json(str(folder))


def _rows(frame: DataFrame, checkpoint: Path) -> Rows:
    """All rows of a frame; a stream runs until it has read everything."""
    if not frame.isStreaming:
        return [row.asDict(recursive=True) for row in frame.collect()]
    found: Rows = []

    def keep(batch: DataFrame, _: int) -> None:
        found.extend(row.asDict(recursive=True) for row in batch.collect())

    writer = frame.writeStream.option("checkpointLocation", str(checkpoint)).foreachBatch(keep)
    query = writer.trigger(availableNow=True).start()
    query.awaitTermination()
    return found


def _frame(spark: SparkSession, rows: Rows, schema: t.StructType) -> DataFrame:
    relaxed = t.StructType([t.StructField(one.name, one.dataType) for one in schema])
    values = [
        tuple(
            _moment(row[one.name])
            if one.dataType == t.TimestampType() and row.get(one.name) is not None
            else row.get(one.name)
            for one in schema
        )
        for row in rows
    ]
    return spark.createDataFrame(values, relaxed)


def _moment(value: Any) -> datetime:
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _written(value: Any) -> str:
    return _moment(value).isoformat() if isinstance(value, datetime) else str(value)


def _text(row: Mapping[str, Any]) -> str:
    plain = {
        name: _moment(value).astimezone(UTC).isoformat() if isinstance(value, datetime) else value
        for name, value in row.items()
    }
    return json.dumps(plain, sort_keys=True, default=str)
