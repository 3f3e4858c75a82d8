"""Where the time goes between a message and its result: the batches of each query."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import mean

import polars as pl
from pyspark.sql.streaming.query import StreamingQuery

from lakehouse import store
from lakehouse.names import PROGRESS, table_uri

Span = tuple[float, float]


@dataclass(frozen=True)
class Batch:
    """A micro-batch that did something: its query, its beginning, and its phases in ms."""

    query: str
    begin: float
    phases: dict[str, int]

    @property
    def end(self) -> float:
        """When it was over, in seconds since 1970."""
        return self.begin + self.phases.get("triggerExecution", 0) / 1_000


def batches(queries: Iterable[StreamingQuery]) -> list[Batch]:
    """The latest batches of these queries, as far as Spark remembers them."""
    return [
        Batch(
            str(query.name).partition("__")[2] or str(query.name),
            datetime.fromisoformat(found["timestamp"]).timestamp(),
            dict(found["durationMs"]),
        )
        for query in queries
        for found in (json.loads(one.json) for one in query.recentProgress)
        if "addBatch" in found["durationMs"]
    ]


def recorded(lake_uri: str) -> list[Batch]:
    """The batches that queries of another process have told of, after their end."""
    rows = store.scan(table_uri(lake_uri, PROGRESS)).filter(pl.col("batch_seconds") > 0)
    chosen = rows.select("query", "at", "batch_seconds", "phases_ms").sort("at").collect()
    return [
        Batch(
            query.partition("__")[2] or query,
            (at - timedelta(seconds=took)).timestamp(),
            json.loads(phases),
        )
        for query, at, took, phases in chosen.iter_rows()
    ]


def within(spans: Sequence[Span], found: Sequence[Batch]) -> dict[str, list[Batch]]:
    """The batches of each query that ran within these spans of time."""
    inside = [one for one in found if any(b <= one.end and one.begin <= e for b, e in spans)]
    names = sorted({one.query for one in inside})
    return {name: [one for one in inside if one.query == name] for name in names}


def text(spans: Sequence[Span], found: Sequence[Batch]) -> str:
    """A table of the batches of each query that ran while somebody waited: how many, how long."""
    waited = sum(end - begin for begin, end in spans)
    lines = [f"spans: {len(spans)}, of {waited / len(spans):.2f} s; of a span, in batches of:"]
    for query, inside in within(spans, found).items():
        lengths = [one.end - one.begin for one in inside]
        phases = {name for one in inside for name in one.phases} - {"triggerExecution"}
        parts = {name: mean(one.phases.get(name, 0) for one in inside) for name in phases}
        largest = sorted(parts.items(), key=lambda part: -part[1])[:4]
        lines.append(
            f"  {query}: {len(inside) / len(spans):.1f} batches of {mean(lengths):.2f} s "
            f"({', '.join(f'{name} {ms:.0f} ms' for name, ms in largest)})"
        )
    return "\n".join(lines)
