"""What Spark's own plans say of a query; the only place that looks into them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from py4j.java_gateway import JavaObject
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession

_CATALYST = "org.apache.spark.sql.catalyst"
_STATEMENTS = (
    f"{_CATALYST}.plans.logical.Command",
    f"{_CATALYST}.plans.logical.ParsedStatement",
    f"{_CATALYST}.analysis.UnresolvedExecuteImmediate",
)
# What calls any method of the JVM, `reflect` by all of its names.
_REFLECTIONS = ("CallMethodViaReflection", "TryReflect")
# Rows that a query makes by itself or names again.
_OWN_LEAVES = ("OneRowRelation", "LocalRelation", "Range", "CTERelationRef", "UnionLoopRef")


@dataclass(frozen=True)
class Call:
    """A call of a function: its place (position in the text), literals, types, and array lengths.

    An argument that is no text literal, or no array written out, has None in its place.
    """

    offset: int
    literals: tuple[str | None, ...]
    types: tuple[str, ...]
    lengths: tuple[int | None, ...]


def logical(frame: DataFrame) -> str:
    """The analysed plan of a query, one operator a line; it need not have been started."""
    return str(cast(Any, frame)._jdf.queryExecution().analyzed().toString())


def command(spark: SparkSession, query: str) -> str | None:
    """The kind of statement that is no query (`DropTable`); None for a query.

    Raises `ParseException` for what is no SQL.
    """
    plan = _state(spark).sqlParser().parsePlan(query)
    loader = plan.getClass().getClassLoader()
    kinds = [loader.loadClass(name) for name in _STATEMENTS]
    for node in _nodes(plan):
        if any(kind.isInstance(node) for kind in kinds):
            return str(node.nodeName())
    return None


def require_streaming(frame: DataFrame) -> None:
    """Raise `AnalysisException` if a stream cannot run like this, as starting it would."""
    jvm = cast(Any, frame.sparkSession)._jvm
    mode = jvm.org.apache.spark.sql.streaming.OutputMode.Append()
    checker = jvm.org.apache.spark.sql.catalyst.analysis.UnsupportedOperationChecker
    checker.checkForStreaming(_analysed(frame), mode)


def unsupported(frame: DataFrame) -> str | None:
    """Why a stream cannot run like this; None if it can."""
    if not frame.isStreaming:
        return None
    try:
        require_streaming(frame)
    except AnalysisException as error:
        told = error.getMessageParameters() or {}
        return str(told.get("operation") or str(error).partition("\n")[0])
    return None


def calls(frame: DataFrame, function: str) -> list[Call]:
    """Calls of a Python function in a query's own text, not in that of the views it reads."""
    return [_call(one) for one in _own_expressions(frame) if _is_call(one, function)]


def reflection(frame: DataFrame) -> tuple[str, int] | None:
    """The first function in a query's own text that calls the JVM, and its position, if any."""
    for one in _own_expressions(frame):
        if one.nodeName() in _REFLECTIONS:
            return str(one.prettyName()), _position(one)
    return None


def foreign(frame: DataFrame) -> int | None:
    """The position of the first thing in a query's own text that is read and is no view, if any."""
    for node in _own_nodes(_analysed(frame)):
        is_leaf = node.children().isEmpty()
        if is_leaf and node.nodeName() not in _OWN_LEAVES:
            return _position(node)
    return None


def _call(node: JavaObject) -> Call:
    arguments = _list(node.children())
    types = tuple(str(one.dataType().simpleString()) for one in arguments)
    return Call(
        _position(node),
        tuple(map(_literal, arguments)),
        types,
        tuple(map(_length, arguments)),
    )


def _literal(node: JavaObject) -> str | None:
    is_text = node.nodeName() == "Literal" and node.dataType().simpleString() == "string"
    return str(node.toString()) if is_text else None


def _length(node: JavaObject) -> int | None:
    while node.nodeName() in ("Cast", "AnsiCast"):
        node = node.child()
    return len(_list(node.children())) if node.nodeName() == "CreateArray" else None


def _is_call(node: JavaObject, function: str) -> bool:
    return bool(node.nodeName() == "PythonUDF" and node.name() == function)


def _position(node: JavaObject) -> int:
    start = node.origin().startIndex()
    return int(start.get()) if start.isDefined() else 0


def _own_expressions(frame: DataFrame) -> Iterator[JavaObject]:
    for node in _own_nodes(_analysed(frame)):
        for expression in _list(node.expressions()):
            yield from _nodes(expression)


def _own_nodes(plan: JavaObject) -> Iterator[JavaObject]:
    if plan.nodeName() == "View":
        return
    yield plan
    for child in [*_list(plan.children()), *_list(plan.subqueries())]:
        yield from _own_nodes(child)


def _nodes(root: JavaObject) -> Iterator[JavaObject]:
    yield root
    for child in _list(root.children()):
        yield from _nodes(child)


def _list(sequence: JavaObject) -> list[JavaObject]:
    return [sequence.apply(i) for i in range(sequence.size())]


def _state(spark: SparkSession) -> JavaObject:
    return cast(Any, spark)._jsparkSession.sessionState()


def _analysed(frame: DataFrame) -> JavaObject:
    return cast(Any, frame)._jdf.queryExecution().analyzed()
