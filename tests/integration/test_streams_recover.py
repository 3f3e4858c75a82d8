"""The pipeline's process killed in mid-stream: nothing lost, nothing doubled.

The long form, twenty kills and half a million events, is `make kills`.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from confluent_kafka import Producer

from cdrlake.services import process
from cdrlake.services.jars import Jars, Java
from cdrlake.services.kafka import KafkaBroker
from cdrlake.services.ports import free_ports
from cdrlake.waiting import patiently_ended
from lakehouse import kafka, progress, store
from lakehouse.children import die_with_parent
from lakehouse.clock import SystemClock
from lakehouse.domains.cdr import CDR, names
from lakehouse.domains.settings import Settings, load
from lakehouse.names import table_uri
from lakehouse.settings import ROOT
from tests.integration.conftest import wait_for

pytestmark = pytest.mark.integration

USERS, DAYS = 60, 20
PATIENCE_S = 120.0


def events() -> list[bytes]:
    """One event per subscriber and day, in order of time, and a repetition of every twentieth."""
    random.seed(7)
    now = SystemClock().now()
    base = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS + 1)
    made = []
    for number in range(USERS * DAYS):
        moment = base + timedelta(days=number // USERS, seconds=random.randint(0, 86_000))
        made.append(event(number, moment))
        if number % 20 == 0:
            made.append(made[-1])
    return made


def event(number: int, moment: datetime) -> bytes:
    record = {
        "id": number,
        "DP_DATE": moment.isoformat().replace("+00:00", "Z"),
        "DP_MSISDN": str(45_000_000 + number % USERS),
        "DP_MOC_COUNT": random.randint(0, 9),
        "DP_MOC_DURATION": random.randint(0, 10**6) / 1000,
        "DP_MTC_COUNT": 1,
        "DP_MTC_DURATION": 0.5,
        "DP_MOSMS_COUNT": 0,
        "DP_MTSMS_COUNT": 2,
        "DP_DATA_COUNT": 3,
        "DP_DATA_VOLUME": random.randint(0, 10**9) / 1000,
        "event_id": f"kill:{number}",
        "emitted_at": moment.isoformat().replace("+00:00", "Z"),
    }
    return json.dumps(record, separators=(",", ":")).encode()


def send(settings: Settings, values: list[bytes]) -> None:
    producer = Producer(kafka.client_options(settings.kafka))
    for value in values:
        producer.produce(names.TOPIC_EVENTS, value, json.loads(value)["DP_MSISDN"])
    assert producer.flush(30) == 0


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Environment of an installation whose topics nobody else writes to."""
    port, controller = map(str, free_ports(2))
    values = {"STATE_DIR": str(tmp_path / "state"), "LAKE__URI": str(tmp_path / "lake")}
    values |= {"KAFKA__PORT": port, "KAFKA__CONTROLLER_PORT": controller}
    values |= {"SPARK__DRIVER_MEMORY": "1g", "MYSQL__EMBEDDED": "false"}
    kept = {name: text for name, text in os.environ.items() if not name.startswith("CDRLAKE_")}
    return kept | {f"CDRLAKE_{name}": text for name, text in values.items()}


@pytest.fixture
def own(environment: dict[str, str], java: Java, resolved: Jars) -> Iterator[Settings]:
    """Settings of that installation, its broker running."""
    settings = load(environment)
    settings.state.mkdir(parents=True)
    server = KafkaBroker(settings.kafka, settings.state, resolved.kafka, java)
    child = server.start()
    try:
        wait_for(server.healthy, "the broker")
        kafka.create_topics(settings.kafka, CDR.topics)
        yield settings
    finally:
        child.stop(20)


@contextmanager
def pipeline(environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "pyspark_jobs.jobs.cdr_pipeline"]
    with log.open("ab") as output:
        started = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=output,
            preexec_fn=die_with_parent(),
        )
    try:
        yield started
    finally:
        process.kill(process.tree(started.pid))
        started.wait()


def counted(settings: Settings) -> int:
    uri = table_uri(settings.lake_uri, names.SILVER_DAILY)
    if not store.exists(uri):
        return 0
    return int(store.scan(uri).select(pl.col("events").sum()).collect().item())


def bronze(settings: Settings) -> int:
    return store.count(table_uri(settings.lake_uri, names.BRONZE_EVENTS))


def test_killed_again_and_again_it_ends_with_every_event_counted_once(
    own: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    settings, values = own, events()
    part = len(values) // 3
    log = tmp_path / "pipeline.log"
    moments = [
        lambda: bronze(settings) > 0,
        lambda: counted(settings) > 0,
    ]
    for number, is_due in enumerate(moments):
        send(settings, values[number * part : (number + 1) * part])
        with pipeline(environment, log):
            wait_for(is_due, f"the moment of kill {number}", PATIENCE_S)
    send(settings, values[2 * part :])
    with pipeline(environment, log) as last:
        wait_for(lambda: counted(settings) == USERS * DAYS, "all events", PATIENCE_S)
        wait_for(lambda: bronze(settings) == len(values), "all messages", PATIENCE_S)
        wait_for(lambda: in_service(settings), "the service", PATIENCE_S)
        last.terminate()
        assert patiently_ended(last) == 0, log.read_text()
    rows = store.scan(table_uri(settings.lake_uri, names.BRONZE_EVENTS)).collect()
    assert rows.height == len(values)
    assert rows.select("partition", "offset").n_unique() == len(values)
    assert_sums(settings, values)


def in_service(settings: Settings) -> bool:
    found = progress.read_pipeline(settings.state)
    return found is not None and found.phase == "service"


def assert_sums(settings: Settings, values: list[bytes]) -> None:
    once = {record["event_id"]: record for record in map(json.loads, values)}.values()
    silver = store.scan(table_uri(settings.lake_uri, names.SILVER_DAILY))
    columns = ("DP_MOC_COUNT", "DP_MOC_DURATION", "DP_DATA_VOLUME")
    totals = silver.select(pl.col(columns).sum()).collect().row(0)
    for total, name in zip(totals, columns, strict=True):
        assert round(float(total) * 1000) == sum(round(record[name] * 1000) for record in once)
