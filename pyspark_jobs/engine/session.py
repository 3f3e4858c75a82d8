"""The one Spark session of a process."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pyspark.logger import PySparkLogger
from pyspark.sql import SparkSession

from lakehouse import object_store
from lakehouse.errors import ServiceError
from lakehouse.settings import ROOT, Settings

DEFAULTS_FILE = ROOT / "conf" / "spark-defaults.conf"
LOGGING_FILE = ROOT / "conf" / "log4j2.properties"
# They write to the log, with both stacks as one line of JSON, what is raised anyway.
_LOGGERS_OF_ERRORS = ("SQLQueryContextLogger", "DataFrameQueryContextLogger")


def open_session(app: str, settings: Settings) -> SparkSession:
    """The session of this process, called `app`.

    The installation's settings override `conf/spark-defaults.conf`. Under spark-submit, which has
    read that file itself, only settings that a JVM accepts after its start still apply: master,
    memory and jars are flags of spark-submit. Raises `ServiceError` when the jars of Delta and
    Kafka are missing.
    """
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    for name in _LOGGERS_OF_ERRORS:
        PySparkLogger.getLogger(name).setLevel(logging.CRITICAL)
    builder = SparkSession.builder.appName(app)
    for key, value in object_store.spark_properties(settings).items():
        builder = builder.config(key, value)
    defaults = read_properties(DEFAULTS_FILE)
    if "PYSPARK_GATEWAY_PORT" in os.environ:  # spark-submit has started the JVM already
        properties = _in_a_started_jvm(settings, defaults)
    else:
        properties = defaults | _overrides(settings)
    for key, value in properties.items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


@contextmanager
def configured(spark: SparkSession, properties: Mapping[str, str]) -> Iterator[None]:
    """Properties of a session for the length of a block; a query copies them when it starts."""
    before = {key: str(spark.conf.get(key)) for key in properties}
    for key, value in properties.items():
        spark.conf.set(key, value)
    try:
        yield
    finally:
        for key, value in before.items():
            spark.conf.set(key, value)


def read_properties(path: Path) -> dict[str, str]:
    """Keys and values of a Spark properties file; lines that start with `#` are comments."""
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    pairs = (line.split(maxsplit=1) for line in lines if line and not line.startswith("#"))
    return dict(pairs)


def _in_a_started_jvm(settings: Settings, defaults: dict[str, str]) -> dict[str, str]:
    """What was set explicitly; spark-submit flags apply where nothing was."""
    partitions = {"spark.sql.shuffle.partitions": str(settings.spark.shuffle_partitions)}
    chosen = {key: value for key, value in partitions.items() if value != defaults.get(key)}
    return chosen | settings.spark.options


def _overrides(settings: Settings) -> dict[str, str]:
    spark, work = settings.spark, settings.state / "spark"
    java = read_properties(DEFAULTS_FILE)["spark.driver.extraJavaOptions"]
    return {
        "spark.master": spark.master,
        "spark.driver.memory": spark.driver_memory,
        "spark.driver.extraJavaOptions": java.replace("conf/log4j2.properties", str(LOGGING_FILE)),
        "spark.sql.shuffle.partitions": str(spark.shuffle_partitions),
        "spark.jars": ",".join(_jars(settings)),
        "spark.local.dir": str(work / "scratch"),
        "spark.sql.warehouse.dir": str(work / "warehouse"),
        **_doors(spark.master),
        **spark.options,
    }


def _doors(master: str) -> dict[str, str]:
    """A driver that is its own executor only needs to be reachable from this machine."""
    if not master.startswith("local"):
        return {}
    return {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}


def _jars(settings: Settings) -> list[str]:
    jars = object_store.spark_jars(settings)
    if not jars:
        folder = str(settings.cache / "jars" / "spark")
        raise ServiceError(folder, "the jars of Delta and Kafka", "none", "run `cdrlake doctor`")
    return jars
