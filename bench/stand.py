"""What the parts of one process are measured on: a broker, a database and a Spark session."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import SecretStr
from pyspark.sql import SparkSession
from stamina.instrumentation import set_on_retry_hooks

from bench import topics
from cdrlake.services import jars
from cdrlake.services.kafka import KafkaBroker
from cdrlake.services.mysql import MySqlServer
from cdrlake.services.ports import free_ports
from cdrlake.waiting import patiently
from flaskapp import database
from lakehouse import mysql
from lakehouse.domains.cdr import CDR
from lakehouse.domains.cdr.settings import WorldSettings
from lakehouse.domains.settings import Settings
from lakehouse.settings import ROOT
from lakehouse.settings.kafka import KafkaSettings
from lakehouse.settings.model import LakeSettings, MysqlSettings
from lakehouse.settings.spark import SparkSettings
from pyspark_jobs.engine.session import open_session

PATIENCE_S, STOP_S = 120.0, 60.0


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder of its own, removed in the end with whatever is still written into it."""
    with TemporaryDirectory(prefix="cdrlake-bench-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def with_lake(settings: Settings, folder: Path) -> Settings:
    """The same installation with another, empty lake."""
    return settings.model_copy(update={"lake": LakeSettings(uri=str(folder))})


class Stand:
    """Context manager over servers and a session, each started when it is first asked for.

    Parts that run one after the other in a process share them; at full size a part has a stand to
    itself. The settings of this machine's installation have no say in it.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._spark: SparkSession | None = None

    def __enter__(self) -> Stand:
        set_on_retry_hooks([])  # a step that is tried again is no figure
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @contextmanager
    def site(self, broker: bool = True, database: bool = False, **world: Any) -> Iterator[Settings]:
        """Settings of an empty installation: a folder, topics and, if asked for, a database.

        `world` are settings of the simulated population.
        """
        with ExitStack() as stack:
            settings = Settings(
                state_dir=str(stack.enter_context(scratch())),
                kafka=self._kafka if broker else KafkaSettings(),
                mysql=_of_its_own(self._mysql) if database else MysqlSettings(embedded=False),
                world=WorldSettings(**world),
            )
            if broker:
                stack.enter_context(topics.temporary(settings.kafka, CDR.topics))
            if database:
                stack.enter_context(_schema(settings))
            yield settings

    def session(self, memory: str = "1400m") -> SparkSession:
        """The Spark session of this process; its driver has the `memory` of the first call."""
        if self._spark is None:
            assert self._jars.spark.exists()
            spark = SparkSettings(driver_memory=memory)
            settings = Settings(state_dir=str(self._folder), spark=spark)
            self._spark = open_session("bench", settings)
            self._stack.callback(self._spark.stop)
        return self._spark

    @cached_property
    def _kafka(self) -> KafkaSettings:
        port, controller = free_ports(2)
        settings = KafkaSettings(port=port, controller_port=controller)
        self._start(KafkaBroker(settings, self._folder, self._jars.kafka, jars.find_java()))
        return settings

    @cached_property
    def _mysql(self) -> MysqlSettings:
        settings = MysqlSettings(
            port=free_ports(1)[0],
            password=SecretStr(uuid.uuid4().hex),
            admin_password=SecretStr(uuid.uuid4().hex),
        )
        self._start(MySqlServer(settings, self._folder, self._jars.mariadb, Settings().cache))
        return settings

    def _start(self, server: KafkaBroker | MySqlServer) -> None:
        child = server.start()
        self._stack.callback(child.stop, STOP_S)
        patiently(server.healthy, f"{type(server).__name__} to answer", PATIENCE_S)

    @cached_property
    def _folder(self) -> Path:
        return self._stack.enter_context(scratch())

    @cached_property
    def _jars(self) -> jars.Jars:
        return jars.resolve(Settings().cache, ROOT / "conf", jars.find_java(), print)


def _of_its_own(server: MysqlSettings) -> MysqlSettings:
    return server.model_copy(update={"database": f"Bench{uuid.uuid4().hex[:8]}"})


@contextmanager
def _schema(settings: Settings) -> Iterator[None]:
    database.initialise(settings)
    try:
        yield
    finally:
        with mysql.connect(settings.mysql, admin=True) as connection, connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE `{settings.mysql.database}`")
