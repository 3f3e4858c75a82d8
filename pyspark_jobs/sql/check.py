"""Everything that can be wrong with a pipeline's files, found before anything is started."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from pyspark.sql import SparkSession

from lakehouse.errors import ModelError, closest
from lakehouse.models.inputs import Inputs
from pyspark_jobs.delta import tables
from pyspark_jobs.sql import analysis, java_plans, predict
from pyspark_jobs.sql.analysis import Analysed
from pyspark_jobs.sql.catalog import Catalog, stub_views
from pyspark_jobs.sql.java_plans import Call
from pyspark_jobs.sql.sql_file import Place, SqlError, SqlFile

# A model's inputs by its name; None for one that is known but has no version yet.
InputsOf = Callable[[str], Inputs | None]
BATCH_ID = "batch_id"


def check(
    spark: SparkSession, files: Sequence[SqlFile], catalog: Catalog, inputs_of: InputsOf
) -> list[SqlError]:
    """The problems of these files, one for each, in the order of the files' names."""
    problems = list(_names(files, catalog)) + list(_writers(files))
    with stub_views(spark, catalog):
        found = analysis.pipeline(spark, files, catalog.names)
        problems += found.failed.values()
        for one in found.done.values():
            problems += [
                *_streaming(one), *_columns(one, catalog), *_models(one, inputs_of),
            ]  # fmt: skip
        found.drop_views()
    order = [file.path.name for file in files]
    return sorted(problems, key=lambda one: order.index(one.where.partition(",")[0]))


def _names(files: Sequence[SqlFile], catalog: Catalog) -> Iterator[SqlError]:
    for file in files:
        if file.name in catalog.streams:
            yield file.error("", f"{file.name} is a stream already; call the file something else.")


def _writers(files: Sequence[SqlFile]) -> Iterator[SqlError]:
    """A table, topic or collection has one writer."""
    seen: dict[tuple[str, str], SqlFile] = {}
    for file in files:
        for kind, name in file.sinks.items():
            first = seen.setdefault((kind, name), file)
            if first is not file:
                writer = first.path.name
                yield file.error(kind, f"the {kind} {name} is written by {writer} already.")


def _streaming(one: Analysed) -> Iterator[SqlError]:
    if not one.file.sinks:
        return
    if not one.frame.isStreaming:
        sink = next(iter(one.file.sinks))
        yield one.file.error(sink, "it reads no stream, so no row ever comes.")
        return
    problem = java_plans.unsupported(one.frame)
    if problem is None:
        return
    if "watermark" in problem:
        problem = (
            "rows are grouped without a watermark, so no group would ever end; write "
            "`FROM stream WATERMARK time DELAY OF INTERVAL 30 SECONDS`."
        )
    yield one.file.error(Place(1 + one.file.text.count("\n", 0, _start(one.file)), 1), problem)


def _columns(one: Analysed, catalog: Catalog) -> Iterator[SqlError]:
    """The key is among the columns, and a declared table gets the columns that it has."""
    names = one.schema.names
    for name in one.file.key:
        if name not in names:
            hint = closest(name, names)
            yield one.file.error("key", f"there is no column called {name!r}; {hint}")
    table = one.file.settings.get("table")
    contract = catalog.output(table) if table else None
    if contract is None:
        return
    wanted = {
        field.name: field.dataType.simpleString()
        for field in tables.schema(contract)
        if field.name != BATCH_ID
    }
    given = {field.name: field.dataType.simpleString() for field in one.schema}
    for name in [*wanted, *given]:
        if wanted.get(name) != given.get(name):
            got = given.get(name, "nothing")
            needs = f"{wanted[name]}" if name in wanted else "no such column"
            problem = f"{table} has {needs} for {name}, and the query gives {got}."
            yield one.file.error("table", problem)
            return


def _models(one: Analysed, inputs_of: InputsOf) -> Iterator[SqlError]:
    for call in java_plans.calls(one.frame, predict.NAME):
        problem = _problem(call, inputs_of)
        if problem is not None:
            yield one.file.error(one.file.place(call.offset), problem)
            return


def _problem(call: Call, inputs_of: InputsOf) -> str | None:
    kinds = [kind.partition("<")[0] for kind in call.types]
    if kinds not in (["string", "array", "array"], ["string", "struct"]):
        return f"predict cannot take {', '.join(call.types)}; {predict.USAGE}."
    name = call.literals[0]
    if name is None:
        return None
    try:
        inputs = inputs_of(name)
    except ModelError as error:
        return str(error)
    if inputs is None or kinds[1] == "struct":
        return None
    for wanted, length, noun in (
        (inputs.texts, call.lengths[1], "texts"), (inputs.numbers, call.lengths[2], "numbers"),
    ):  # fmt: skip
        if length is not None and length != len(wanted):
            return f"{name!r} takes {len(wanted)} {noun} ({', '.join(wanted)}), and gets {length}."
    if call.types[1] != "array<string>":
        return f"{name!r} takes texts first, and gets {call.types[1]}."
    return None


def _start(file: SqlFile) -> int:
    """Where the query begins, behind the settings."""
    last = max(file.lines.values(), default=0)
    return sum(len(line) + 1 for line in file.text.splitlines()[:last])
