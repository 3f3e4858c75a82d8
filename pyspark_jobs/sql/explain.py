"""A pipeline in words: who reads whom, what each file gives, and where its rows go."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pyspark.sql import SparkSession

from lakehouse.sql_plans import FilePlan
from pyspark_jobs.sql import analysis, java_plans, predict
from pyspark_jobs.sql.analysis import Analysed
from pyspark_jobs.sql.catalog import Catalog, stub_views
from pyspark_jobs.sql.sql_file import SqlFile, blanked, delays

_WINDOW = re.compile(r"\bwindow\s*\(\s*(\w+)\s*,\s*'([^']+)'\s*(?:,\s*'([^']+)')?", re.IGNORECASE)


def text(spark: SparkSession, files: Sequence[SqlFile], known: Catalog) -> str:
    """The pipeline as a diagram in Mermaid's language, then each file.

    Raises the `SqlError` of the first file that is wrong.
    """
    with stub_views(spark, known):
        found = analysis.pipeline(spark, files, known.names)
        try:
            for error in found.failed.values():
                raise error
            done = list(found.done.values())
            lines = [*_picture(done, known), *(line for one in done for line in _words(one))]
        finally:
            found.drop_views()
    return "\n".join(lines)


def plan(one: Analysed) -> FilePlan:
    """A file with its meaning in words and Spark's plan."""
    words = "\n".join(_words(one)).strip()
    return FilePlan(one.file.name, one.file.text, words, java_plans.logical(one.frame))


def _picture(done: Sequence[Analysed], known: Catalog) -> Iterator[str]:
    yield "flowchart LR"
    for one in done:
        for name in sorted(one.reads):
            left, right = ("([", "])") if name in known.streams else ("[(", ")]")
            box = f"{name}{left}{name}{right}" if name in known.names else name
            yield f"  {box} --> {one.file.name}"
        for kind, place in one.file.sinks.items():
            yield f"  {one.file.name} --> {kind}_{one.file.name}[/{kind} {place}/]"


def _words(one: Analysed) -> Iterator[str]:
    file = one.file
    yield ""
    yield f"{file.name}: {'a stream' if one.frame.isStreaming else 'a table'}"
    yield f"  reads     {', '.join(sorted(one.reads)) or 'nothing'}"
    for stream, time, delay in delays(file.query):
        yield f"  watermark {time} of {stream}: rows more than {delay.lower()} behind are late"
    for window in _WINDOW.finditer(file.query):
        if blanked(file.query)[window.start()] == " ":
            continue
        every = window[3] or window[2]
        yield f"  windows   of {window[2]} every {every}, final once the watermark is past the end"
    for call in java_plans.calls(one.frame, predict.NAME):
        yield f"  model     {call.literals[0] or 'named by a column'}"
    yield f"  columns   {', '.join(f'{c.name} {c.dataType.simpleString()}' for c in one.schema)}"
    for kind, place in file.sinks.items():
        yield f"  {kind:9s} {place}, one row for each {', '.join(file.key)}"
