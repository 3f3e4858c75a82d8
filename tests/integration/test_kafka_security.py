"""Every Kafka client and a broker with TLS, SASL and rights: let in, or refused in a sentence."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import psutil
import pytest
from confluent_kafka.admin import AclOperation
from deltalake import write_deltalake
from pyspark.sql import DataFrame, SparkSession

from cdrlake.services.jars import Jars, Java
from cdrlake.services.process import command_line, tree
from flaskapp.cdr.messages import KINDS
from flaskapp.relay import Relay
from lakehouse import kafka, quarantine
from lakehouse.clock import FixedClock, SystemClock
from lakehouse.domain import Topic
from lakehouse.domains.cdr import CDR, names
from lakehouse.domains.cdr.contracts import QUARANTINE_EVENTS
from lakehouse.domains.cdr.domain import EVENTS
from lakehouse.domains.settings import Settings
from lakehouse.errors import AccessError, ServiceError
from lakehouse.names import table_uri
from lakehouse.publisher import Publisher
from lakehouse.settings.kafka import KafkaSettings
from lakehouse.settings.model import LakeSettings
from lakehouse.settings.spark import SparkSettings
from mirror.messages import RowPublisher
from pyspark_jobs.engine import readers
from pyspark_jobs.engine.session import open_session
from pyspark_jobs.engine.supervisor import Supervisor
from tests.integration import secured
from tests.integration.conftest import wait_for
from tests.integration.secured import GROUPS, PASSWORD, TOPICS, Secured
from tests.integration.test_relay_kafka import backlog, drain, send

pytestmark = pytest.mark.integration
TOPIC = names.TOPIC_EVENTS
CLOCK = FixedClock(datetime(2026, 6, 1, tzinfo=UTC))


@pytest.fixture(scope="module")
def running(
    tmp_path_factory: pytest.TempPathFactory, resolved: Jars, java: Java
) -> Iterator[Secured]:
    state = tmp_path_factory.mktemp("secured")
    with secured.running(state, resolved, java) as made:
        kafka.create_topics(made.settings, CDR.topics)
        yield made


@pytest.fixture
def broker(running: Secured) -> Secured:
    """The broker with the rights that docs/security.md asks for."""
    running.forbid_everything()
    running.allow_the_main_path()
    return running


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory, resolved: Jars) -> Iterator[SparkSession]:
    state = str(tmp_path_factory.mktemp("session"))
    session = open_session(
        "tests", Settings(state_dir=state, spark=SparkSettings(driver_memory="1g"))
    )
    yield session
    session.stop()


@dataclass(frozen=True)
class Use:
    """What the clients below are given."""

    kafka: KafkaSettings
    folder: Path
    spark: Callable[[], SparkSession]


def create_topic(use: Use) -> None:
    kafka.create_topics(use.kafka, [Topic(use.folder.name)])


def audit(use: Use) -> None:
    kafka.read_all(use.kafka, TOPIC, lambda _: None)


def mirror(use: Use) -> None:
    rows = pl.DataFrame({"User": ["1"], "Date": [date(2026, 1, 1)], "model_version": [1]})
    publisher = RowPublisher(Publisher(use.kafka), CDR.mirrors[0].published)
    publisher.send(names.TOPIC_PREDICTIONS, rows)


def replay(use: Use) -> None:
    lake = Settings(lake=LakeSettings(uri=str(use.folder)), kafka=use.kafka)
    rows = pl.DataFrame(
        {
            "reasons": ["missing_field"],
            "detail": [""],
            "key": [b"k"],
            "raw": [b'{"event_id":"m:1"}'],
            "topic": [TOPIC],
            "partition": pl.Series([0], dtype=pl.Int32),
            "offset": pl.Series([0], dtype=pl.Int64),
            "kafka_timestamp": [CLOCK.now()],
            "batch_id": pl.Series([0], dtype=pl.Int64),
            "ingested_at": [CLOCK.now()],
        }
    )
    uri = table_uri(lake.lake_uri, QUARANTINE_EVENTS.name)
    write_deltalake(uri, rows.to_arrow(compat_level=pl.CompatLevel.oldest()), mode="overwrite")
    try:
        quarantine.replay(lake, EVENTS, quarantine.Correction({}, {}), CLOCK)
    except ServiceError:
        assert quarantine.counts(lake, EVENTS)["waiting"].sum() == 1
        raise
    assert quarantine.counts(lake, EVENTS)["replayed"].sum() == 1


def spark_source(use: Use) -> None:
    def ignore(_batch: DataFrame, _number: int) -> None:
        """Take a batch."""

    source = readers.kafka_stream(use.spark(), use.kafka, TOPIC, 1_000)
    writer = source.writeStream.queryName("secured").foreachBatch(ignore)
    writer = writer.option("checkpointLocation", str(use.folder / "checkpoint"))
    supervisor = Supervisor(SystemClock(), threading.Event())
    supervisor.add(lambda: writer.trigger(availableNow=True).start())
    supervisor.run_to_end()


CLIENTS = (create_topic, audit, mirror, replay, spark_source)


@pytest.mark.parametrize("client", CLIENTS)
class TestEveryClient:
    """The same demands on each of them."""

    @pytest.fixture
    def at(
        self,
        client: Callable[[Use], None],
        tmp_path_factory: pytest.TempPathFactory,
        request: pytest.FixtureRequest,
    ) -> Callable[[KafkaSettings], None]:
        """The client as a function of the settings of Kafka."""
        folder = tmp_path_factory.mktemp(client.__name__)
        return lambda settings: client(
            Use(settings, folder, lambda: request.getfixturevalue("spark"))
        )

    @pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
    def test_is_let_in(
        self, broker: Secured, at: Callable[[KafkaSettings], None], mechanism: str
    ) -> None:
        at(broker.client(mechanism))

    @pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
    def test_names_the_setting_of_a_wrong_password(
        self, broker: Secured, at: Callable[[KafkaSettings], None], mechanism: str
    ) -> None:
        with pytest.raises(AccessError, match=r"correct kafka\.security\.username") as caught:
            at(broker.client(mechanism, password="guessed"))
        assert "guessed" not in str(caught.value)
        at(broker.client(mechanism))

    def test_names_the_setting_of_a_wrong_authority(
        self, broker: Secured, at: Callable[[KafkaSettings], None]
    ) -> None:
        with pytest.raises(AccessError, match=r"correct kafka\.security\.ca_file"):
            at(broker.client(ca_file=str(broker.untrusted)))
        at(broker.client())

    def test_names_the_user_that_has_no_right(
        self, broker: Secured, at: Callable[[KafkaSettings], None]
    ) -> None:
        broker.forbid_everything()
        with pytest.raises(AccessError, match=r"name another one in kafka\.security\.username"):
            at(broker.client())
        broker.allow_the_main_path()
        at(broker.client())


def with_kafka(settings: Settings, kafka: KafkaSettings) -> Settings:
    return settings.model_copy(update={"kafka": kafka})


@pytest.mark.parametrize("wrong", [{"password": "guessed"}, {"ca_file": "untrusted"}])
def test_the_relay_says_why_it_waits_and_loses_nothing(
    broker: Secured, fresh: Settings, wrong: dict[str, str]
) -> None:
    send(fresh, "waits", 40)
    if "ca_file" in wrong:
        wrong = {"ca_file": str(broker.untrusted)}
    relay = Relay(
        with_kafka(fresh, broker.client(**wrong)), SystemClock(), threading.Event(), KINDS
    )
    thread = threading.Thread(target=relay.run)
    thread.start()
    wait_for(lambda: "correct kafka.security." in str(relay.status.error), "the reason")
    relay.stop.set()
    thread.join(20)
    assert (relay.status.state, backlog(fresh)) == ("degraded", 1)
    before = kafka.message_count(broker.settings, TOPIC)
    drain(with_kafka(fresh, broker.client()))
    assert kafka.message_count(broker.settings, TOPIC) == before + 40


def test_the_relay_goes_on_when_the_broker_has_been_mended(
    broker: Secured, fresh: Settings
) -> None:
    broker.forbid_everything()
    before = kafka.message_count(broker.settings, TOPIC)
    relay = Relay(with_kafka(fresh, broker.client()), SystemClock(), threading.Event(), KINDS)
    thread = threading.Thread(target=relay.run)
    thread.start()
    send(fresh, "mended", 40)
    wait_for(lambda: f"write to topic {TOPIC}" in str(relay.status.error), "the reason")
    broker.allow_the_main_path()
    wait_for(lambda: backlog(fresh) == 0, "the rows that waited")
    relay.stop.set()
    thread.join(20)
    assert kafka.message_count(broker.settings, TOPIC) == before + 40


def test_topics_that_exist_need_no_right_to_create_any(broker: Secured) -> None:
    broker.forbid_everything()
    broker.allow(TOPICS, AclOperation.DESCRIBE)
    kafka.create_topics(broker.client(), CDR.topics)
    with pytest.raises(AccessError, match="create topic not-yet"):
        kafka.create_topics(broker.client(), [*CDR.topics, Topic("not-yet")])


def test_a_reader_without_its_group_is_told_which(broker: Secured) -> None:
    broker.forbid_everything()
    broker.allow(TOPICS, AclOperation.DESCRIBE, AclOperation.READ, AclOperation.WRITE)
    kafka.message_count(broker.client(), TOPIC)
    mirrored = broker.client()
    mirror(Use(mirrored, Path(), lambda: pytest.fail("not needed")))
    with pytest.raises(AccessError, match="use the consumer group cdrlake-reader"):
        kafka.read_all(broker.client(), names.TOPIC_PREDICTIONS, lambda _: None)
    broker.allow(GROUPS, AclOperation.READ, name="cdrlake-reader")
    kafka.read_all(broker.client(), names.TOPIC_PREDICTIONS, lambda _: None)


def test_a_file_that_is_not_there_names_its_setting(broker: Secured) -> None:
    with pytest.raises(Exception, match=r"kafka\.security\.ca_file: /none: no such file"):
        kafka.message_count(broker.client(ca_file="/none"), TOPIC)


def test_the_brokers_secrets_are_nowhere_to_be_read(running: Secured) -> None:
    state = running.trusted.parents[1]
    holding = [
        path
        for path in state.rglob("*")
        if path.is_file() and any(word in path.read_bytes() for word in (b"w0rd", b"PRIVATE KEY"))
    ]
    assert {path.name for path in holding} >= {"server.properties", "identity.pem"}
    assert {path.stat().st_mode & 0o777 for path in holding} == {0o600}
    commands = [command_line(one) for one in tree(psutil.Process().pid)]
    assert not any("w0rd" in command or PASSWORD in command for command in commands)
