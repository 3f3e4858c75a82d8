"""SQL files as Spark understands them: who reads whom, of what type, and what is wrong with them.

Nothing is started for it: Spark parses and analyses each query over views without rows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pyspark.errors import AnalysisException, ParseException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as t

from lakehouse.errors import closest
from pyspark_jobs.engine.session import configured
from pyspark_jobs.sql import java_plans
from pyspark_jobs.sql.sql_file import Place, SqlError, SqlFile, blanked

_NOT_FOUND = "TABLE_OR_VIEW_NOT_FOUND"
# Otherwise SQL reads any file by its path: SELECT * FROM text.`/etc/passwd`.
_NO_FILES = {"spark.sql.runSQLOnFiles": "false"}
_POSITION = re.compile(r"\(line (\d+), pos (\d+)\)|line (\d+) pos (\d+)")
_CODE = re.compile(r"^\s*\[[A-Z_0-9.]+\]\s*|\s*SQLSTATE: \w+.*$", re.DOTALL)


@dataclass(frozen=True)
class Analysed:
    """A file whose query is understood: what it reads, and the columns that it gives."""

    file: SqlFile
    frame: DataFrame
    reads: frozenset[str]

    @property
    def schema(self) -> t.StructType:
        """The columns of the view."""
        return self.frame.schema


@dataclass
class Analysis:
    """The files of a pipeline, analysed one after the other, each after those that it reads.

    `known` are the names of streams and tables. `queries` replaces the text of a file's query, by
    name. Each file that is understood becomes a temporary view.
    """

    spark: SparkSession
    files: Mapping[str, SqlFile]
    known: frozenset[str]
    queries: Mapping[str, str] = field(default_factory=dict)
    done: dict[str, Analysed] = field(default_factory=dict)
    failed: dict[str, SqlError] = field(default_factory=dict)

    def run(self) -> list[Analysed]:
        """All files that are understood, in order; those that are not are in `failed`."""
        for name in self.files:
            self.spark.catalog.dropTempView(name)  # of an earlier analysis in this session
        with configured(self.spark, _NO_FILES):
            for name in self.files:
                if name not in self.done and name not in self.failed:
                    self._resolve(name, ())
        return list(self.done.values())

    def sources(self, name: str) -> frozenset[str]:
        """Streams and tables that a file reads, by itself or through other files."""
        reads = self.done[name].reads
        return (reads & self.known).union(*(self.sources(one) for one in reads - self.known))

    def drop_views(self) -> None:
        """Remove the views that were made."""
        for name in self.done:
            self.spark.catalog.dropTempView(name)

    def _resolve(self, name: str, waiting: tuple[str, ...]) -> bool:
        file, reads = self.files[name], set[str]()
        try:
            _require_query(self.spark, file)
            while True:
                try:
                    frame = self.spark.sql(self.queries.get(name, file.query))
                    break
                except AnalysisException as error:
                    wanted = _missing(error)
                    if (
                        wanted is None
                        or wanted in self.done
                        or not self._turn_to(file, wanted, error, (*waiting, name))
                    ):
                        raise
                    reads.add(wanted)
            _require_harmless(file, frame)
        except (ParseException, AnalysisException) as error:
            self.failed[name] = _told(file, error)
            return False
        except SqlError as error:
            self.failed[name] = error
            return False
        reads |= self._read(file)
        frame.createOrReplaceTempView(name)
        self.done[name] = Analysed(file, frame, frozenset(reads))
        return True

    def _turn_to(
        self, file: SqlFile, wanted: str, error: AnalysisException, waiting: tuple[str, ...]
    ) -> bool:
        """Analyse another file first, which this one reads; whether it is there now."""
        place = _place(file, error)
        if wanted in waiting:
            circle = [*waiting[waiting.index(wanted) :], wanted]
            raise file.error(place, f"the files read each other in a circle: {', '.join(circle)}.")
        if wanted in self.failed:
            raise file.error(place, f"it reads {wanted}, which is wrong itself.")
        if wanted not in self.files:
            hint = closest(wanted, {*self.known, *self.files})
            raise file.error(place, f"there is no stream, table or file called {wanted!r}; {hint}")
        if self._resolve(wanted, waiting):
            return True
        raise file.error(place, f"it reads {wanted}, which is wrong itself.")

    def _read(self, file: SqlFile) -> set[str]:
        """Streams, tables and files whose names stand in the query."""
        words = set(re.findall(r"\w+", blanked(file.query)))
        return words & ({*self.known, *self.done} - {file.name})


def pipeline(
    spark: SparkSession,
    files: Sequence[SqlFile],
    known: frozenset[str],
    queries: Mapping[str, str] | None = None,
) -> Analysis:
    """The analysis of these files, done."""
    found = Analysis(spark, {file.name: file for file in files}, known, queries or {})
    found.run()
    return found


def _require_query(spark: SparkSession, file: SqlFile) -> None:
    """Only queries are allowed: a file says what its rows are, and changes nothing else."""
    text = blanked(file.query)
    first = re.search(r"\w+", text)
    if first is None:
        raise file.error(Place(1, 1), "there is no query in it.")
    command = java_plans.command(spark, file.query)
    if command is not None:
        raise file.error(
            file.place(first.start()),
            f"{first[0].upper()} is not allowed; a file holds one SELECT and changes nothing else.",
        )


def _require_harmless(file: SqlFile, frame: DataFrame) -> None:
    """A query calls no method of the JVM, and reads nothing but views."""
    called = java_plans.reflection(frame)
    if called is not None:
        name, offset = called
        raise file.error(file.place(offset), f"the function {name} is not allowed.")
    read = java_plans.foreign(frame)
    if read is not None:
        raise file.error(
            file.place(read), "only streams, tables and other files of the pipeline can be read."
        )


def _missing(error: AnalysisException) -> str | None:
    """The table or view that a query did not find; None for any other error."""
    if error.getCondition() != _NOT_FOUND:
        return None
    return str((error.getMessageParameters() or {}).get("relationName", "")).replace("`", "")


def _place(file: SqlFile, error: AnalysisException | ParseException) -> Place:
    contexts = [] if isinstance(error, ParseException) else (error.getQueryContext() or [])
    for context in contexts:
        if context.startIndex() >= 0:
            return file.place(context.startIndex())
    found = _POSITION.search(str(error))
    if found is None:
        return Place(1, 1)
    line, column = (int(number) for number in found.groups() if number is not None)
    return Place(line, column + 1)


def _told(file: SqlFile, error: AnalysisException | ParseException) -> SqlError:
    """Spark's error as one sentence with its place."""
    told, place = error.getMessageParameters() or {}, _place(file, error)
    condition = error.getCondition() or ""
    if condition.startswith("UNRESOLVED_COLUMN"):
        name = told.get("objectName", "").replace("`", "")
        proposed = told.get("proposal", "").replace("`", "").split(", ")
        hint = closest(name, filter(None, proposed))
        return file.error(place, f"there is no column called {name!r}; {hint}")
    if condition.startswith("UNRESOLVED_ROUTINE"):
        name = told.get("routineName", "").replace("`", "")
        return file.error(place, f"there is no function called {name!r}; predict is ours.")
    if condition == "PARSE_SYNTAX_ERROR":
        return file.error(place, f"the SQL does not go on like this: {told.get('error', '')}.")
    text = _CODE.sub("", str(error).partition("; line ")[0].partition("\n\n")[0])
    return file.error(place, " ".join(text.split()).rstrip(".") + ".")
