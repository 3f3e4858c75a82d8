"""What Spark writes to the log: warnings, but nothing known, repeated, or raised anyway."""

from __future__ import annotations

from typing import Any, cast

import pytest
from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession


def warns(spark: SparkSession, name: str) -> bool:
    """Whether a warning of this logger is written."""
    manager = cast(Any, spark._jvm).org.apache.logging.log4j.LogManager
    return bool(manager.getLogger(name).isWarnEnabled())


@pytest.mark.parametrize(
    "name",
    [
        "org.apache.kafka.clients.NetworkClient",  # at every attempt while a broker is away
        "org.apache.kafka.clients.admin.AdminClientConfig",  # at every start
        "org.apache.kafka.clients.consumer.ConsumerConfig",
        "org.apache.kafka.clients.consumer.internals.AbstractFetch",  # at every gap
        "org.apache.spark.sql.kafka010.KafkaMicroBatchStream",
        "org.apache.spark.sql.execution.streaming.runtime.ProcessingTimeExecutor",
    ],
)
def test_what_kafka_repeats_without_end_stays_out_of_the_log(
    spark: SparkSession, name: str
) -> None:
    assert not warns(spark, name)


@pytest.mark.parametrize("name", ["org.apache.spark.scheduler.TaskSetManager", "io.delta", "any"])
def test_other_warnings_are_written(spark: SparkSession, name: str) -> None:
    assert warns(spark, name)


def test_sql_that_fails_says_so_by_its_error_alone(
    spark: SparkSession, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(AnalysisException, match="no_such_table"):
        spark.sql("SELECT a FROM no_such_table")
    assert "no_such_table" not in capfd.readouterr().err
