"""Users and clicks from the shop to predictions: Connect, registry, SQL and model as they run."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from pyspark.sql import SparkSession

from cdrlake.clicks import connector, demo, position
from cdrlake.services.jars import Java
from cdrlake.services.kafka import KafkaBroker
from cdrlake.services.ports import free_ports
from flaskapp.clicks import shop
from flaskapp.clicks.sending import ClicksRequest
from flaskapp.clicks.source import ClicksSource
from flaskapp.runner import Runner
from lakehouse import audit, kafka, mysql, ticks
from lakehouse.clock import SystemClock
from lakehouse.domains.clicks import CLICKS, names
from lakehouse.domains.clicks.domain import BOTS, EVENTS
from lakehouse.domains.settings import Settings
from lakehouse.errors import ServiceError
from lakehouse.http import server
from lakehouse.publisher import Publisher
from lakehouse.registry import open_registry
from lakehouse.schema_registry import avro_schemas
from lakehouse.schema_registry.app import create_app
from lakehouse.schema_registry.client import Address, SchemaClient
from lakehouse.schema_registry.registry import KafkaLog, SchemaRegistry
from lakehouse.settings.model import LakeSettings
from lakehouse.settings.outside import ConnectSettings, DocumentSettings, SchemaSettings
from lakehouse.settings.spark import SparkSettings
from pyspark_jobs.clicks import users
from pyspark_jobs.clicks.lessons import Lessons
from pyspark_jobs.clicks.train import train
from pyspark_jobs.engine.session import open_session
from pyspark_jobs.ingest import ingest
from pyspark_jobs.ingest.ingest import Intake
from pyspark_jobs.sql import sql_file
from pyspark_jobs.sql.run import Pipeline
from pyspark_jobs.sql.service import FOLDER
from tests.integration.clicks_shop import (
    Connect,
    administer,
    changes_to,
    forget_log_readers,
    kill,
    messages,
    purge_logs,
    rows,
    sql,
    typed,
)
from tests.integration.conftest import wait_for

pytestmark = pytest.mark.integration

CLOCK = SystemClock()
# A server of MongoDB's protocol; without one there are no documents to find.
MONGO = os.environ.get("TEST_MONGO_URI")
KNOWN = ("id", "name", "platform", "country", "ip_address", "nb_orders")


@pytest.fixture(scope="module")
def site(
    database: Settings, broker: KafkaBroker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Settings]:
    """An installation with the domain's topics, its shop, an empty lake and a schema registry."""
    kafka.create_topics(database.kafka, CLICKS.topics)
    place, ports = tmp_path_factory.mktemp("clicks"), free_ports(2)
    made = database.model_copy(
        update={
            "lake": LakeSettings(uri=str(place / "lake")),
            "state_dir": str(place / "state"),
            "schemas": SchemaSettings(port=ports[0]),
            "connect": ConnectSettings(port=ports[1]),
            "documents": DocumentSettings(
                uri=SecretStr(MONGO) if MONGO else None, database=f"test_{ports[0]}"
            ),
        }
    )
    shop.prepare(made)
    app = create_app(made, SchemaRegistry(KafkaLog(made.kafka)))
    with server.serving(app, made.schemas.host, made.schemas.port):
        yield made
    with mysql.connect(made.mysql, admin=True) as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE {names.MYSQL_DATABASE}")


@pytest.fixture(scope="module")
def spark(site: Settings) -> Iterator[SparkSession]:
    own = site.model_copy(update={"spark": SparkSettings(driver_memory="1g")})
    session = open_session("clicks", own)
    yield session
    session.stop()


@pytest.fixture(scope="module")
def connect(site: Settings, java: Java) -> Iterator[Connect]:
    made = Connect(site, java, site.cache)
    yield made
    made.child.stop(20)


def keep_users(spark: SparkSession, site: Settings) -> dict[int, dict[str, Any]]:
    """The table of users, after everything that Kafka has."""
    assert users.start(spark, site, CLOCK, None).awaitTermination(300)
    return {row["id"]: row for row in rows(site, names.USERS).iter_rows(named=True)}


def test_users_follow_the_database_through_a_killed_worker(
    spark: SparkSession, site: Settings, connect: Connect
) -> None:
    connect.post(connector.SOURCE)
    changes_to(site, 2, lambda count: count == 1)
    found = keep_users(spark, site)
    assert [found[1][name] for name in KNOWN[1:]] == ["Alice", "Windows", "PL", "10.10.10.10", 0]

    sql(site, f"UPDATE {names.MYSQL_USERS} SET nb_orders = 5 WHERE id = 1")
    changes_to(site, 1, lambda count: count == 2)
    wait_for((site.state / "connect" / "offsets").exists, "where the worker has got to")
    kill(connect)
    insert = f"INSERT INTO {names.MYSQL_USERS} VALUES (%s, %s, %s, %s, %s, %s)"
    sql(site, insert, 77, "Carol", "iOS", "DE", "10.0.0.7", 1)
    sql(site, f"DELETE FROM {names.MYSQL_USERS} WHERE id = 2")
    connect.start()
    connect.post(connector.SOURCE)
    changes_to(site, 77, lambda count: count >= 1)
    changes_to(site, 2, lambda count: count >= 3)  # read, deleted, and the tombstone
    found = keep_users(spark, site)
    assert (found[1]["nb_orders"], found[77]["name"], 2 in found) == (5, "Carol", False)


def test_a_column_that_is_added_during_a_downtime_stops_nothing(
    spark: SparkSession, site: Settings, connect: Connect
) -> None:
    kill(connect)
    sql(site, f"INSERT INTO {names.MYSQL_USERS} (id, name) VALUES (78, 'Dan')")
    administer(site, f"ALTER TABLE {names.MYSQL_USERS} ADD COLUMN is_vip INT FIRST")
    sql(site, f"INSERT INTO {names.MYSQL_USERS} (id, name, is_vip) VALUES (79, 'Eve', 1)")
    connect.start()
    connect.post(connector.SOURCE)
    changes_to(site, 79, lambda count: count >= 1)
    found = keep_users(spark, site)
    assert [found[number]["name"] for number in (78, 79)] == ["Dan", "Eve"]
    last = json.loads(messages(site, names.TOPIC_USERS)[-1][1] or b"")
    assert (last["name"], last["is_vip"]) == ("Eve", 1)
    administer(site, f"ALTER TABLE {names.MYSQL_USERS} DROP COLUMN is_vip")


def test_a_purged_binary_log_is_an_error_that_says_what_helps(
    spark: SparkSession, site: Settings, connect: Connect
) -> None:
    position.require_log(site)
    kill(connect)
    forget_log_readers(site)
    sql(site, f"DELETE FROM {names.MYSQL_USERS} WHERE id = 77")
    sql(site, f"INSERT INTO {names.MYSQL_USERS} (id, name) VALUES (80, 'Fay')")
    newest = purge_logs(site)
    with pytest.raises(ServiceError, match=rf"has only {newest}.*users --resnapshot"):
        position.require_log(site)

    assert position.resnapshot(site) == 1  # Carol, whose deletion nobody has seen
    connect.start()
    connect.post(connector.SOURCE)
    changes_to(site, 80, lambda count: count >= 1)
    found = keep_users(spark, site)
    assert found.keys() == shop.ids(site) and found[80]["name"] == "Fay"
    with pytest.raises(ServiceError, match="Kafka Connect is running"):
        position.resnapshot(site)
    position.require_log(site)


def run_queries(spark: SparkSession, site: Settings) -> None:
    """Everything that the domain's pipeline runs, to the end of what there is."""
    intake = Intake(EVENTS, site.domain(CLICKS.name))
    assert ingest.start(spark, site, intake, CLOCK, None).awaitTermination(300)
    keep_users(spark, site)
    pipeline = Pipeline(spark, site, CLICKS, sql_file.read_folder(FOLDER / CLICKS.name))
    for start in pipeline.starts(None):
        assert start().awaitTermination(300)


def stream(site: Settings) -> None:
    """What `POST /start_stream {"domain": "clicks", "mode": "replay", ...}` starts."""
    runner = Runner(site, CLOCK, [ClicksSource(site, CLOCK)])
    name = runner.start(
        ClicksRequest(users=10, bots=0.2, batch_size=300, num_batches=2, interval=1, mode="replay")
    )
    wait_for(lambda: not runner.is_running, "the stream")
    with mysql.connect(site.mysql) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT state, error, sent_rows FROM Streams WHERE stream_id = %s", (name,))
        assert cursor.fetchone() == ("finished", None, 600)


def arrive(spark: SparkSession, site: Settings) -> None:
    """Run all queries on what there is, once the newest user is in the topic."""
    with mysql.connect(site.mysql) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT MAX(id) FROM {names.MYSQL_USERS}")
        (newest,) = cursor.fetchone()
    changes_to(site, newest, lambda count: count >= 1)
    run_queries(spark, site)


def close(spark: SparkSession, site: Settings, last: datetime) -> None:
    """Run all queries until every window has ended."""
    arrive(spark, site)
    ticks.send(site, names.TOPIC_EVENTS, last + demo.AFTER)
    run_queries(spark, site)


def test_clicks_become_predictions_and_a_promotion_shows_in_the_next_windows(
    spark: SparkSession, site: Settings, connect: Connect
) -> None:
    registry = open_registry(site, BOTS)
    lessons = Lessons(CLOCK.now(), users=150, bot_share=0.2, minutes=40)
    train(spark, site, registry, lessons, print)
    registry.promote(1, "by hand: so few visitors may not pass the gates")
    first = registry.load(registry.version(1))

    said = typed(site, "clicks traffic --users 40 --bots 0.2 --minutes 20 --ago 60")
    assert re.search(r"sent: [\d,]+ clicks of 40 users, 8 of them bots", said)
    close(spark, site, CLOCK.now() - timedelta(minutes=60))
    publisher = Publisher(site.kafka)
    publisher.send(names.TOPIC_EVENTS, "x", b"\0\0\0\xff\xffno schema of ours")
    publisher.deliver()
    second = registry.register(first.folder, registry.version(1).manifest_sha256)
    registry.promote(second.number, "by hand: to see it arrive")
    stream(site)
    arrive(spark, site)
    assert "Windows close" in typed(site, "clicks close")
    run_queries(spark, site)

    ledger = demo.with_own_checks(audit.audit(site, CLICKS, {}), site)
    assert [(one.name, one.left, one.right) for one in ledger.checks if not one.ok] == []
    assert len(rows(site, names.QUARANTINE_EVENTS)) == 1
    found = rows(site, names.RESULTS).sort("window_start")
    assert set(found["error"]) == {None} and found["is_known_user"].all()
    assert found["model_version"].is_sorted() and set(found["model_version"]) == {1, 2}
    assert set(found["prediction"]) == {"bot", "user"}

    subject = SchemaClient(Address.of(site))
    published = [
        avro_schemas.read(value, subject.schema(avro_schemas.schema_id(value)))
        for _, value in messages(site, names.TOPIC_RESULTS)
        if value is not None
    ]
    told = {(row["user_id"], row["window_start"]): row["probability"] for row in published}
    stored = {
        (row["user_id"], row["window_start"]): row["probability"]
        for row in found.iter_rows(named=True)
    }
    assert told == stored
