"""Which properties a session gets: alone, and where spark-submit has started the JVM."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lakehouse.domains.settings import Settings
from pyspark_jobs.engine import session

PARTITIONS = "spark.sql.shuffle.partitions"
Properties = Callable[..., dict[str, str]]


class Builder:
    """A builder of sessions that gives what it was told."""

    def __init__(self) -> None:
        self.told: dict[str, str] = {}

    def appName(self, _name: str) -> Builder:  # noqa: N802
        return self

    def config(self, key: str, value: str) -> Builder:
        self.told[key] = value
        return self

    def getOrCreate(self) -> dict[str, str]:  # noqa: N802
        return self.told


@pytest.fixture
def properties(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Properties:
    """Open a session with some settings of `spark`; the properties that it would get."""
    jar = tmp_path / "jars" / "spark" / "delta.jar"
    jar.parent.mkdir(parents=True)
    jar.touch()

    def told(**spark: Any) -> dict[str, str]:
        class Fake:
            builder = Builder()

        monkeypatch.setattr(session, "SparkSession", Fake)
        made = {"state_dir": str(tmp_path), "cache_dir": str(tmp_path), "spark": spark}
        found: Any = session.open_session("app", Settings.model_validate(made))
        return dict(found)

    return told


def test_alone_the_settings_are_laid_over_the_file(
    properties: Properties, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYSPARK_GATEWAY_PORT", raising=False)
    found = properties(driver_memory="3g", shuffle_partitions=7, options={"spark.ui.enabled": "x"})
    assert (found["spark.driver.memory"], found[PARTITIONS]) == ("3g", "7")
    assert (found["spark.ui.enabled"], found["spark.locality.wait"]) == ("x", "0")


def test_under_spark_submit_what_was_chosen_still_counts(
    properties: Properties, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYSPARK_GATEWAY_PORT", "1")
    found = properties(shuffle_partitions=7, options={"spark.hadoop.fs.gs.impl": "G"})
    assert (found[PARTITIONS], found["spark.hadoop.fs.gs.impl"]) == ("7", "G")


def test_under_spark_submit_its_flags_and_file_stand_where_nothing_was_chosen(
    properties: Properties, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYSPARK_GATEWAY_PORT", "1")
    found = properties()
    assert not {PARTITIONS, "spark.master", "spark.driver.memory", "spark.jars"} & set(found)
    assert all("checkpointFileManager" in key for key in found)
