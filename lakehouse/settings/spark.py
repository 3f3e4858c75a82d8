"""Spark: a session of this machine, or the standalone cluster on it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from lakehouse.settings.section import Section


class SparkSettings(Section):
    """The Spark session and the triggers of the streaming queries.

    A query that reads Kafka begins a micro-batch every `trigger_seconds`; one that follows a table
    of the lake looks for a new version every `follow_seconds` (in an object store, each look is a
    request). The progress of each batch is kept in `ops.query_progress` for `progress_days`.

    A table of entities is made with `buckets` buckets, which tasks process in parallel: two for two
    cores, a multiple of the executors on a cluster. Batches of up to `small_batch_rows` rows are
    processed in the driver, where starting tasks would take longer than the work.
    """

    master: str = "local[2]"
    driver_memory: str = "1400m"
    shuffle_partitions: int = Field(2, ge=1)
    trigger: Literal["processingTime", "availableNow"] = "processingTime"
    trigger_seconds: float = Field(1.0, ge=0)
    follow_seconds: float = Field(0.1, ge=0)
    max_offsets_per_trigger: int = Field(2_000_000, ge=1)
    max_files_per_trigger: int = Field(64, ge=1)
    progress_days: int = Field(30, ge=1)
    buckets: int = Field(2, ge=1, le=10_000)
    small_batch_rows: int = Field(10_000, ge=0)
    options: dict[str, str] = {}


class ClusterSettings(Section):
    """The Spark cluster of `cdrlake up --cluster`: standalone, on this machine.

    A job gets one executor of one core on each worker; the other cores are for a second job.
    """

    host: str = "127.0.0.1"
    port: int = Field(17077, ge=1, le=65535)
    page_port: int = Field(18080, ge=1, le=65535)
    workers: int = Field(2, ge=1)
    worker_cores: int = Field(2, ge=1)
    worker_memory: str = "1536m"
    executor_memory: str = "640m"
    driver_memory: str = "1g"

    @property
    def master(self) -> str:
        """The master's address, as `spark-submit --master` takes it."""
        return f"spark://{self.host}:{self.port}"
