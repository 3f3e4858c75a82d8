"""Space for short-lived files that every executor can reach."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from pyspark.sql import SparkSession


@contextmanager
def scratch_folder(spark: SparkSession, below: str) -> Iterator[str]:
    """The URI of a new folder under `below`, removed at the end."""
    uri = f"{below}/{uuid4().hex}"
    try:
        yield uri
    finally:
        context: Any = spark.sparkContext
        path = context._jvm.org.apache.hadoop.fs.Path(uri)
        path.getFileSystem(context._jsc.hadoopConfiguration()).delete(path, True)
