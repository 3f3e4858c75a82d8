"""One Spark session for all tests of this tier, started by the first test that asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from cdrlake.services import jars
from lakehouse.domains.settings import Settings
from lakehouse.settings import ROOT
from lakehouse.settings.model import LakeSettings, SparkSettings
from pyspark_jobs.engine.session import open_session
from tests.spark.model_site import DAYS, Data, Site, telling, train_site


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """A session on two cores with two shuffle partitions; jars come from the shared cache."""
    jars.resolve(ROOT / ".cache", ROOT / "conf", jars.find_java(), print)
    state = tmp_path_factory.mktemp("spark")
    settings = Settings(state_dir=str(state), spark=SparkSettings(driver_memory="1g"))
    session = open_session("tests", settings)
    yield session
    session.stop()


@pytest.fixture
def lake(tmp_path: Path) -> Settings:
    """Settings of an empty lake and state folder, for one test."""
    uri = str(tmp_path / "lake")
    return Settings(state_dir=str(tmp_path / "state"), lake=LakeSettings(uri=uri))


Trained = Callable[[Data], Site]


@pytest.fixture
def trained(spark: SparkSession, tmp_path: Path) -> Trained:
    """Train on some data in a lake of its own."""
    return lambda data: train_site(spark, tmp_path, data)


@pytest.fixture(scope="session")
def site(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """One training that many tests look at; the last three days have no outcomes yet."""
    place = tmp_path_factory.mktemp("site")
    return train_site(spark, place, telling(), labelled_days=DAYS - 3)
