"""Known entities, for feeds that accept no others: listed once, shared with all tasks.

A list of a million names must only travel to the workers when it changes, not with every task.
"""

from __future__ import annotations

from typing import Protocol

from pyspark import Broadcast
from pyspark.sql import SparkSession


class KnownEntities(Protocol):
    """The known entities; the same object is returned for as long as the list does not change."""

    def listed(self) -> frozenset[str]:
        """All entities known by now. Raises `UnreachableError` when the list cannot be read."""
        ...


class SharedList:
    """The known entities as a Spark broadcast, renewed only when they have changed."""

    def __init__(self, known: KnownEntities) -> None:
        self._known = known
        self._listed: frozenset[str] | None = None
        self._shared: Broadcast[frozenset[str]] | None = None

    def shared(self, spark: SparkSession) -> Broadcast[frozenset[str]]:
        """The current list. Raises like `KnownEntities.listed`."""
        listed = self._known.listed()
        if self._shared is None or listed is not self._listed:
            if self._shared is not None:
                self._shared.unpersist()
            self._shared, self._listed = spark.sparkContext.broadcast(listed), listed
        return self._shared
