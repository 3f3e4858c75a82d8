"""A Spark session for a measurement: two cores, state in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyspark.sql import SparkSession

from cdrlake.services import jars
from lakehouse.settings import ROOT, Settings
from lakehouse.settings.model import SparkSettings
from pyspark_jobs.session import open_session


@contextmanager
def session(state: Path, memory: str) -> Iterator[SparkSession]:
    """The one session of this process, with `memory` (`4g`) for its driver."""
    jars.resolve(ROOT / ".cache", ROOT / "conf", jars.find_java(), print)
    settings = Settings(state_dir=str(state), spark=SparkSettings(driver_memory=memory))
    spark = open_session("bench", settings)
    try:
        yield spark
    finally:
        spark.stop()
