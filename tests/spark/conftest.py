"""One Spark session for all tests of this tier, started by the first test that asks for it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from cdrlake.services import jars
from lakehouse.clock import FixedClock
from lakehouse.domains.settings import Settings
from lakehouse.registry import Registry
from lakehouse.registry.stores import MemoryStore
from lakehouse.settings import ROOT
from lakehouse.settings.model import LakeSettings
from lakehouse.settings.spark import SparkSettings
from pyspark_jobs.cdr.verify import Verifier
from pyspark_jobs.engine.session import open_session
from tests.spark import sound_lake
from tests.spark.model_site import DAYS, Data, Site, installation, telling, train_site


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


@pytest.fixture
def made(spark: SparkSession, lake: Settings) -> Settings:
    """A lake whose silver and gold follow from its bronze."""
    sound_lake.fill(spark, lake)
    return lake


@pytest.fixture
def verifier(spark: SparkSession, made: Settings, tmp_path: Path) -> Verifier:
    """What verifies the lake `made`, which has no model."""
    store = MemoryStore(tmp_path / "registry")
    return Verifier(spark, made, Registry(store, FixedClock(sound_lake.NOW)))


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


@pytest.fixture
def copy(site: Site, tmp_path: Path) -> Site:
    """The trained site as it was before anything was scored, to do anything with."""
    shutil.copytree(site.settings.lake_uri, tmp_path / "lake")
    registry = Registry(MemoryStore(tmp_path / "registry"), site.clock)
    version = site.result.version
    registry.register(site.registry.load(version).folder, version.manifest_sha256)
    registry.promote(1, "first model")
    return Site(installation(tmp_path), registry, site.clock, site.result)
