"""What Spark is told about the place of a lake."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse.domains.settings import Settings
from lakehouse.object_store import spark_jars, spark_properties

S3A = "spark.hadoop.fs.s3a"


def settings(uri: str | None, cache: Path = Path("/nowhere"), **options: str) -> Settings:
    lake = {"uri": uri, "storage_options": options}
    return Settings.model_validate({"lake": lake, "cache_dir": str(cache)})


def test_what_spark_knows_by_itself_needs_no_property() -> None:
    assert spark_properties(settings("hdfs://name/lake")) == {}


@pytest.mark.parametrize("uri", [None, "/data/lake", "data/lake"])
def test_checkpoints_on_a_path_are_listed_without_a_process_for_each_file(uri: str | None) -> None:
    (manager,) = spark_properties(settings(uri)).items()
    assert manager[0] == "spark.sql.streaming.checkpointFileManagerClass"
    assert manager[1].endswith(".FileSystemBasedCheckpointFileManager")


@pytest.mark.parametrize(
    ("uri", "store"),
    [
        ("s3a://bucket/lake", "S3SingleDriverLogStore"),
        ("gs://bucket/lake", "GCSLogStore"),
        ("abfss://container@account.dfs.core.windows.net/lake", "AzureLogStore"),
    ],
)
def test_the_scheme_chooses_the_log_store(uri: str, store: str) -> None:
    scheme = uri.partition(":")[0]
    key = f"spark.delta.logStore.{scheme}.impl"
    assert spark_properties(settings(uri)) == {key: f"io.delta.storage.{store}"}


def test_the_options_of_the_other_readers_are_told_to_spark_in_its_words() -> None:
    told = spark_properties(
        settings(
            "s3a://bucket/lake",
            AWS_ENDPOINT_URL="http://minio:9000",
            aws_region="eu-central-1",
            AWS_ACCESS_KEY_ID="somebody",
            AWS_SECRET_ACCESS_KEY="something",
            AWS_ALLOW_HTTP="true",
        )
    )
    assert told == {
        "spark.delta.logStore.s3a.impl": "io.delta.storage.S3SingleDriverLogStore",
        f"{S3A}.endpoint": "http://minio:9000",
        f"{S3A}.endpoint.region": "eu-central-1",
        f"{S3A}.access.key": "somebody",
        f"{S3A}.secret.key": "something",
        f"{S3A}.path.style.access": "true",
        f"{S3A}.connection.ssl.enabled": "false",
    }


def test_only_a_lake_in_s3_has_the_connector_on_the_classpath(tmp_path: Path) -> None:
    for folder in ("jars/spark", "jars-s3/s3"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / f"{folder[-2:]}.jar").touch()
    names = {
        uri: [Path(jar).name for jar in spark_jars(settings(uri, tmp_path))]
        for uri in (None, "s3a://bucket/lake")
    }
    assert names == {None: ["rk.jar"], "s3a://bucket/lake": ["rk.jar", "s3.jar"]}
