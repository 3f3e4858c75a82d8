"""Who is known, for feeds that take messages about nobody else: listed once, shared with all tasks.

A list of a million names must travel to the workers once for each change, not with every task.
"""

from __future__ import annotations

from typing import Protocol

from pyspark import Broadcast
from pyspark.sql import SparkSession


class KnownEntities(Protocol):
    """Who is known; the same object is returned for as long as the list does not change."""

    def listed(self) -> frozenset[str]:
        """Everyone who is known by now. Raises `UnreachableError` when nobody can say."""
        ...


class SharedList:
    """The list of known entities as a broadcast of Spark, made again only when it has changed."""

    def __init__(self, known: KnownEntities) -> None:
        self._known = known
        self._listed: frozenset[str] | None = None
        self._shared: Broadcast[frozenset[str]] | None = None

    def shared(self, spark: SparkSession) -> Broadcast[frozenset[str]]:
        """The list as it stands now. Raises what `KnownEntities.listed` raises."""
        listed = self._known.listed()
        if self._shared is None or listed is not self._listed:
            if self._shared is not None:
                self._shared.unpersist()
            self._shared, self._listed = spark.sparkContext.broadcast(listed), listed
        return self._shared
