"""A small lake in an S3 server: written and read by Spark, and by what needs no JVM."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import polars as pl
import pytest

from cdrlake.services import jars, process
from cdrlake.services.jars import Java
from cdrlake.services.ports import free_ports
from cdrlake.waiting import patiently_ended
from lakehouse import ledger, store
from lakehouse.domains.cdr import CDR, names
from lakehouse.domains.settings import Settings
from lakehouse.errors import ServiceError
from lakehouse.names import table_uri
from lakehouse.settings import ROOT
from pyspark_jobs.engine import checkpoints
from pyspark_jobs.ingest import data_loss
from tests.integration.conftest import wait_for
from tests.integration.test_streams_recover import (
    DAYS,
    PATIENCE_S,
    USERS,
    environment,
    events,
    in_service,
    own,
    pipeline,
    send,
)

__all__ = ["environment", "own"]
pytestmark = pytest.mark.integration

BUCKET = "lake"


@pytest.fixture
def options(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Storage options of an empty bucket on an S3 server.

    A process of its own: some calls of delta-rs keep all threads of theirs waiting.
    """
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(port)]
    server = process.Child(process.Command("s3", command), tmp_path / "s3")
    try:
        wait_for(lambda: listens(port), "the S3 server")
        found = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "somebody",
            "AWS_SECRET_ACCESS_KEY": "something",
        }
        client(found).create_bucket(Bucket=BUCKET)
        yield found
    finally:
        server.stop(10)


def client(options: dict[str, str]) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=options["AWS_ENDPOINT_URL"],
        region_name=options["AWS_REGION"],
        aws_access_key_id=options["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=options["AWS_SECRET_ACCESS_KEY"],
    )


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def connector(java: Java) -> Path:
    """The jars of Spark's connector; without network and cache there is nothing to test."""
    try:
        return jars.resolve_extra("s3", ROOT / ".cache", ROOT / "conf", java, print)
    except ServiceError as error:
        pytest.skip(str(error))


def test_the_streams_run_on_a_lake_in_s3(
    own: Settings,
    environment: dict[str, str],
    options: dict[str, str],
    connector: Path,
    tmp_path: Path,
) -> None:
    assert any(path.name.startswith("hadoop-aws") for path in connector.iterdir())
    uri = f"s3a://{BUCKET}/small"
    environment |= {
        "CDRLAKE_LAKE__URI": uri,
        "CDRLAKE_LAKE__STORAGE_OPTIONS": json.dumps(options),
    }
    values = events()
    send(own, values)
    log = tmp_path / "pipeline.log"
    with pipeline(environment, log) as running:
        wait_for(lambda: in_service(own) or running.poll() is not None, "service", PATIENCE_S)
        assert running.poll() is None, log.read_text()[-3000:]
        running.terminate()
        assert patiently_ended(running) == 0, log.read_text()[-3000:]
    settings = Settings.model_validate(
        own.model_dump() | {"lake": {"uri": uri, "storage_options": options}}
    )
    counts = ledger.snapshot(settings, CDR)
    assert counts.count("bronze") == len(values)
    assert counts.count("silver") == counts.count("gold") - silent(uri, options) == USERS * DAYS
    counted = store.scan(table_uri(uri, names.SILVER_DAILY), options).select(pl.sum("events"))
    assert counted.collect().item() == USERS * DAYS
    assert not (tmp_path / "lake").exists()


def test_how_far_a_query_has_read_is_known_of_a_checkpoint_in_s3(options: dict[str, str]) -> None:
    lake = {"uri": f"s3a://{BUCKET}/offsets", "storage_options": options}
    settings = Settings.model_validate({"lake": lake})
    query = names.INGEST_EVENTS
    assert not checkpoints.has_begun(query, settings)
    assert data_loss.committed_offsets(query, settings, names.TOPIC_EVENTS) == {}
    folder = query.checkpoint("offsets")
    for number, offset in enumerate((10, 20, 30)):
        entry = f'v1\n{{}}\n{{"{names.TOPIC_EVENTS}":{{"0":{offset}}}}}'.encode()
        put(options, f"{folder}/offsets/{number}", entry)
        assert checkpoints.has_begun(query, settings)
    for number in (0, 1):
        put(options, f"{folder}/commits/{number}", b"v1\n{}")
    assert data_loss.committed_offsets(query, settings, names.TOPIC_EVENTS) == {0: 20}


def put(options: dict[str, str], key: str, value: bytes) -> None:
    client(options).put_object(Bucket=BUCKET, Key=key, Body=value)


def silent(uri: str, options: dict[str, str]) -> int:
    """Rows of gold for days without usage."""
    gold = store.scan(table_uri(uri, names.GOLD_FEATURES), options).select("User", "Date")
    silver = store.scan(table_uri(uri, names.SILVER_DAILY), options).select("User", "Date")
    return gold.join(silver, on=["User", "Date"], how="anti").collect().height
