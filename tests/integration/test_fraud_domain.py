"""Card events from the source to a trained, announced and monitored version, on real servers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from confluent_kafka import Message
from pyspark.sql import SparkSession

from cdrlake.services.kafka import KafkaBroker
from flaskapp.fraud.laws import Laws
from flaskapp.fraud.request import FraudRequest
from flaskapp.fraud.source import FraudSource
from flaskapp.fraud.world import CardWorld
from flaskapp.runner import Runner
from lakehouse import kafka, mysql
from lakehouse.audit import audit
from lakehouse.clock import SystemClock
from lakehouse.domains.fraud import FRAUD, contracts, names
from lakehouse.domains.fraud.domain import CARDS, EVENTS, TRUTH
from lakehouse.domains.fraud.settings import FraudSettings, LearnerSettings, TruthSettings
from lakehouse.domains.settings import Settings
from lakehouse.models.scoring import matrix
from lakehouse.names import table_uri
from lakehouse.publisher import Publisher
from lakehouse.registry import Registry, open_registry
from lakehouse.settings.model import LakeSettings
from lakehouse.settings.spark import SparkSettings
from lakehouse.trace import trace
from mirror.messages import RowPublisher
from mirror.sinks import MysqlSink
from mirror.sync import step
from monitoring.wiring import wire
from pyspark_jobs.engine.session import open_session
from pyspark_jobs.fraud import dataset, exports, join, metadata, score
from pyspark_jobs.fraud.train import train
from pyspark_jobs.ingest import ingest
from pyspark_jobs.ingest.ingest import Intake
from tests.integration.conftest import wait_for

pytestmark = pytest.mark.integration

CLOCK = SystemClock()
EVENTS_SENT, BATCHES = 9_000, 3
MORE = 7_000
OWN = FraudSettings(
    accounts=200,
    world_rate=0.05,
    learner=LearnerSettings(trees=10, height=6, window=250),
    truth=TruthSettings(least_minutes=1, most_minutes=20),
)


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory, broker: KafkaBroker) -> Iterator[SparkSession]:
    state = str(tmp_path_factory.mktemp("session"))
    settings = Settings(state_dir=state, spark=SparkSettings(driver_memory="1g"))
    session = open_session("fraud", settings)
    yield session
    session.stop()


@pytest.fixture
def site(fresh: Settings, broker: KafkaBroker, tmp_path: Path) -> Settings:
    """An installation whose topics have other names on the broker, and an empty lake."""
    renamed = fresh.kafka.model_copy(
        update={
            "topics": {topic.name: f"bank.{topic.name}" for topic in FRAUD.topics},
            "topic_partitions": {names.TOPIC_JOINED: 3},
        }
    )
    kafka.create_topics(renamed, FRAUD.topics)
    return fresh.model_copy(
        update={
            "kafka": renamed,
            "lake": LakeSettings(uri=str(tmp_path / "lake")),
            "state_dir": str(tmp_path / "state"),
            "fraud": OWN.model_copy(update={"project_dir": str(tmp_path / "project")}),
            "model": fresh.model.model_copy(update={"min_positives": 10, "trees": (20,)}),
            "monitoring": fresh.monitoring.model_copy(
                update={"output_dir": str(tmp_path / "output"), "min_chunk_rows": 100}
            ),
        }
    )


def stream(site: Settings, size: int = EVENTS_SENT // BATCHES, batches: int = BATCHES) -> str:
    """A replay, from its request to its last truth; the stream's id."""
    runner = Runner(site, CLOCK, [FraudSource(site, CLOCK)])
    request = FraudRequest(batch_size=size, num_batches=batches, interval=1, mode="replay")
    name = runner.start(request)
    wait_for(lambda: not runner.is_running, "the stream")
    with mysql.connect(site.mysql) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT state, error FROM Streams WHERE stream_id = %s", (name,))
        assert cursor.fetchone() == ("finished", None)
    return name


def run_queries(spark: SparkSession, site: Settings, registry: Registry) -> None:
    for feed in (EVENTS, TRUTH):
        query = ingest.start(spark, site, Intake(feed, site.fraud), CLOCK, None)
        assert query.awaitTermination(600)
    assert score.start(spark, site, site.fraud, registry, CLOCK, None).awaitTermination(600)
    assert join.start(spark, site, site.fraud, CLOCK, None).awaitTermination(600)


def mirror_all(site: Settings) -> None:
    with mysql.connect(site.mysql) as connection:
        for mirror in FRAUD.mirrors:
            publish = RowPublisher(Publisher(site.kafka), mirror.contract).send
            while step(mirror, site.lake_uri, MysqlSink(connection), publish):
                pass


def read(site: Settings, table: str) -> pl.DataFrame:
    return pl.read_delta(table_uri(site.lake_uri, table))


def messages(site: Settings, topic: str) -> list[tuple[bytes | None, dict[str, object]]]:
    found: list[tuple[bytes | None, dict[str, object]]] = []

    def visit(message: Message) -> None:
        found.append((message.key(), json.loads(message.value() or b"{}")))

    kafka.read_all(site.kafka, topic, visit)
    return found


def test_from_the_source_to_a_monitored_version(
    spark: SparkSession, site: Settings, fresh: Settings
) -> None:
    registry = open_registry(site, CARDS)
    name = stream(site)
    publisher = Publisher(site.kafka)
    publisher.send(names.TOPIC_EVENTS, "x", b'{"message_id": 7}')
    publisher.deliver()
    run_queries(spark, site, registry)

    counts = {topic.name: len(kafka.end_offsets(site.kafka, topic.name)) for topic in FRAUD.topics}
    assert counts == {
        "cc_events": 6, "cc_truth": 6, "cc_prediction_truth_join": 3, "cc_control": 1,
        "cc_predictions": 6,
    }  # fmt: skip
    assert kafka.topic_id(fresh.kafka, names.TOPIC_EVENTS) is None

    # Each event once, as the world drew it, and no truth inside.
    world = CardWorld(Laws.draw(OWN.world_seed, OWN.accounts, OWN.world_rate))
    drawn = world.rows(0, EVENTS_SENT)
    bronze = read(site, names.BRONZE_EVENTS).sort("Time")
    assert bronze["V14"].to_list() == drawn["V14"].to_list()
    assert bronze["message_id"][5] == f"{name}:5"
    sent = messages(site, names.TOPIC_EVENTS)
    assert not any("Class" in body for _, body in sent)
    assert {key for key, body in sent if "account_number" in body} <= {
        account.encode() for account in drawn["account_number"]
    }

    # Truth joined: the newest word, which is what the world drew.
    joined = read(site, names.JOINED)
    told = pl.col("message_id").str.split(":").list.last().cast(pl.Int64)
    expected = drawn["Class"].gather(joined.select(told).to_series())
    assert joined["Class"].to_list() == expected.to_list()
    assert 0.95 * EVENTS_SENT < len(joined) < EVENTS_SENT

    first = train(spark, site, registry, CLOCK, print)
    assert first.verdict.promoted and first.version.number == 1
    again = train(spark, site, registry, CLOCK, print)
    assert (again.version.number, again.dataset_version) == (2, 0)

    stream(site, size=MORE, batches=1)
    run_queries(spark, site, registry)
    champion = registry.champion()
    assert champion is not None
    stored = read(site, names.PREDICTIONS)
    assert set(stored["model_version"]) == {0, champion.number}
    assert stored["message_id"].is_unique().all() and len(stored) == EVENTS_SENT + MORE
    events = read(site, names.BRONZE_EVENTS).join(
        stored.filter(pl.col("model_version") > 0), on="message_id"
    )
    scorer = registry.load(champion).scorer
    found = scorer.score(matrix(events, contracts.FEATURES))
    assert events["probability"].to_list() == found.probability.tolist()
    late = dataset.build(spark, site, CLOCK)
    assert late is not None and late.version == 1
    assert dataset.build(spark, site, CLOCK) is None

    assert_traced(site, registry, stored)
    assert_files(site, registry)
    mirror_all(site)
    ledger = audit(site, FRAUD, {CARDS.model: registry.scoring_start()})
    assert [(one.name, one.left, one.right) for one in ledger.checks if not one.ok] == []
    kinds = [set(body) for _, body in messages(site, names.TOPIC_JOINED)]
    assert {"message_id", "score", "Class", "prediction_ts"} <= kinds[0]
    assert_monitored(site)


def assert_traced(site: Settings, registry: Registry, stored: pl.DataFrame) -> None:
    """The champion's number comes out again; the learner's is no version of the registry."""
    for is_champion in (True, False):
        some = stored.filter((pl.col("model_version") > 0) == is_champion, pl.col("Class") == 0)
        row = some.row(0, named=True)
        traced = trace(site, registry, FRAUD, CARDS, row["message_id"], row["ingest_ts"])
        (one,) = traced.predictions
        assert (one.is_reproduced, traced.outcome) == (is_champion, 0)
        assert [len(traced.hops[hop.name]) for hop in FRAUD.hops] == [1, 1]


def assert_exported(site: Settings) -> None:
    """Each joined row is in one file, however often and under whatever id they are written."""
    joined = read(site, names.JOINED)
    for name in ("1", "6", "6"):
        written = exports.joined(site, name)
        parts = [pl.read_csv(path) for path in written]
        assert [path.name for path in written[:2]] == [f"part_{name}_0.csv", f"part_{name}_1.csv"]
        assert {len(part) for part in parts[:-1]} == {1_000}
        assert pl.concat(parts).columns == list(exports.COLUMNS)
        assert sum(map(len, parts)) == len(joined)
    found = exports.stats(site)
    assert (found["rocauc"] or 0) > 0.5 and (found["avg_prediction_latency"] or 0) > 0


def assert_files(site: Settings, registry: Registry) -> None:
    """What tools outside read: metadata, history, exports, announcements."""
    project = site.fraud.project
    kept = json.loads((project / "model_metadata.json").read_bytes())
    champion = registry.champion()
    assert champion is not None
    assert (kept["current_version"], kept["model_version"]) == (1, champion.number)
    assert {"models_folder", "inf_truth_join_folder", "training_datasets_folder"} <= set(kept)
    exported = pl.read_csv(project / "training_datasets" / "v0" / "ds.csv")
    assert exported.columns == list(dataset.EXPORTED)
    assert len(exported) > 0.9 * EVENTS_SENT
    manifest = registry.load(champion).manifest
    assert manifest.params and manifest.git_commit and manifest.delta_versions
    assert_exported(site)
    history = metadata.get_metrics_history(registry)
    assert [one["version"] for one in history] == [1, 2]
    assert all(one["rocauc"] > 0.8 and one["prauc"] > 0.5 for one in history)
    said = messages(site, names.TOPIC_CONTROL)
    mine = [body["version"] for _, body in said if body["uri"].startswith(str(project))]  # type: ignore[attr-defined]
    assert mine == [1, 2]


def assert_monitored(site: Settings) -> None:
    client = wire(site, CLOCK, [CARDS]).app.test_client()
    answer = client.get("/run-monitoring")
    assert answer.status_code == 200, answer.get_data(as_text=True)
    report = answer.get_json()
    assert (report["model"], report["period"]) == (CARDS.model, "1H")
    # The hours after the reference that are over; how long the reference is depends on its frauds.
    assert 1_000 < report["rows"] <= MORE
    assert report["performance"]["realised"]["roc_auc"] > 0.8
    page = client.get(report["links"]["report.html"]).get_data(as_text=True)
    assert all(f"<th>{one.title}</th>" in page for one in CARDS.measures)
