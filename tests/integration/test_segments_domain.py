"""Purchases from the simulator to models behind gates, an answer over REST, and the page."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest
import uvicorn
from pyspark.sql import SparkSession

from cdrlake.services.kafka import KafkaBroker
from cdrlake.services.ports import free_ports
from flaskapp.runner import Runner
from flaskapp.segments.sending import PurchaseRequest, purchases
from flaskapp.segments.source import PurchaseSource, newest_cards
from flaskapp.segments.world import FIRST
from lakehouse import kafka, mysql
from lakehouse.audit import audit
from lakehouse.clock import SystemClock
from lakehouse.domains.segments import SEGMENTS, names
from lakehouse.domains.segments.domain import PURCHASES, REQUEST, WILL_SPEND
from lakehouse.domains.segments.settings import SegmentsSettings
from lakehouse.domains.settings import Settings
from lakehouse.names import table_uri
from lakehouse.publisher import Publisher
from lakehouse.settings.model import LakeSettings
from lakehouse.settings.spark import SparkSettings
from monitoring import extension
from monitoring.wiring import wire
from pyspark_jobs.engine.session import open_session
from pyspark_jobs.engine.supervisor import Start
from pyspark_jobs.ingest import ingest
from pyspark_jobs.ingest.ingest import Intake
from pyspark_jobs.segments import transform
from pyspark_jobs.segments.pipeline import scoring_starts
from pyspark_jobs.segments.scoring import registries
from pyspark_jobs.segments.train_models import train
from serving import wiring
from serving.rest.server import Config
from tests.integration.conftest import wait_for

CLOCK = SystemClock()
OWN = SegmentsSettings(train_weeks=5, test_weeks=6, world_cards=250, world_days=380, world_seed=3)
LATER_DAYS = 35


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory, broker: KafkaBroker) -> Iterator[SparkSession]:
    state = str(tmp_path_factory.mktemp("session"))
    settings = Settings(state_dir=state, spark=SparkSettings(driver_memory="1g"))
    session = open_session("segments", settings)
    yield session
    session.stop()


@pytest.fixture
def site(fresh: Settings, broker: KafkaBroker, tmp_path: Path) -> Settings:
    """An installation with the domain's topic and an empty lake."""
    kafka.create_topics(fresh.kafka, SEGMENTS.topics)
    monitoring = {"output_dir": str(tmp_path / "output"), "min_chunk_rows": 100}
    return fresh.model_copy(
        update={
            "lake": LakeSettings(uri=str(tmp_path / "lake")),
            "state_dir": str(tmp_path / "state"),
            "segments": OWN,
            "serving": fresh.serving.model_copy(update={"port": free_ports(1)[0]}),
            "monitoring": fresh.monitoring.model_copy(update=monitoring),
        }
    )


def stream(site: Settings, rows: int) -> None:
    """Send the world's next purchases, to the end of the stream."""
    runner = Runner(site, CLOCK, [PurchaseSource(site, CLOCK)])
    name = runner.start(PurchaseRequest(batch_size=rows, num_batches=1, interval=1))
    wait_for(lambda: not runner.is_running, "the stream")
    with mysql.connect(site.mysql) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT state, error FROM Streams WHERE stream_id = %s", (name,))
        assert cursor.fetchone() == ("finished", None)


def run(starts: list[Start]) -> None:
    for query in [start() for start in starts]:
        assert query.awaitTermination(600)


def to_history(spark: SparkSession, site: Settings) -> None:
    intake = Intake(PURCHASES, site.segments)
    run([partial(ingest.start, spark, site, intake, CLOCK, None)])
    run([partial(transform.start, spark, site, None)])


@contextmanager
def served(site: Settings) -> Iterator[httpx.Client]:
    """The serving process, within this one, with the installation's models."""
    app = wiring.application(site, (SEGMENTS,), CLOCK, None)
    server = uvicorn.Server(Config(app, site.serving))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    never = threading.Event()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        never.wait(0.01)
    address = f"http://127.0.0.1:{site.serving.port}"
    with httpx.Client(base_url=address, timeout=60) as client:
        yield client
    server.should_exit = True
    thread.join()


def test_from_a_purchase_to_an_answer_and_a_page(spark: SparkSession, site: Settings) -> None:
    world = purchases(OWN)
    edge = FIRST + timedelta(days=OWN.world_days - LATER_DAYS)
    before = len(world.filter(pl.col("date") < edge))
    stream(site, before)
    publisher = Publisher(site.kafka)
    publisher.send(
        names.TOPIC_PURCHASES, "4111", b'{"event_id": "x:1", "card": "4111111111111111"}'
    )
    publisher.deliver()
    to_history(spark, site)
    known = registries(site)
    trained = train(spark, site, known, print)
    assert all(one.verdict.promoted for one in trained), [str(one) for one in trained]

    stream(site, len(world) - before)
    to_history(spark, site)
    run(scoring_starts(spark, site, CLOCK, None))
    starts = {name: one.scoring_start() for name, one in known.items()}
    found = audit(site, SEGMENTS, starts)
    assert [(check.name, check.ok) for check in found.checks] == [
        (check.name, True) for check in SEGMENTS.checks
    ]
    counts = {one.name: one.count for one in found.steps}
    assert (counts["bronze"], counts["quarantine"]) == (len(world), 1)

    scored = pl.read_delta(table_uri(site.lake_uri, names.WILL_SPEND_TABLE))
    assert 0 < scored["bought"].null_count() < len(scored)
    answers_are_those_of_the_lake(site, scored)
    pages_tell(site)


def answers_are_those_of_the_lake(site: Settings, scored: pl.DataFrame) -> None:
    """REST, stored predictions and stored segments give one and the same answer."""
    card = newest_cards(site, 1)[0]
    with served(site) as client:
        body: dict[str, Any] = {"input": {"card": card["card"], "k": 7, "name": "C_Mason"}}
        told = client.post("/api-ml-model", json=body).json()["response"]
        three = {"usage_freq": 4, "amount_spend": 490, "uniq_merchant": 5, "k": 9}
        asked = client.post("/Staging/api-ml-model", json={"input": three}).json()["response"]
    newest = scored.filter(
        (pl.col("card") == card["card"]) & (pl.col("as_of") == pl.lit(card["as_of"]).str.to_date())
    )
    assert told["probability"] == newest["probability_1"].item() == card["p_7"]
    assert (told["segment"], told["as_of"]) == (card["segment_name"], card["as_of"])
    assert (told["basis"], asked["basis"]) == ("history", "request")


def pages_tell(site: Settings) -> None:
    """Both pages of monitoring: the report on predictions, and the page of segments."""
    pages = extension.pages((SEGMENTS,), site, CLOCK)
    client = wire(site, CLOCK, [WILL_SPEND, REQUEST], pages=pages).app.test_client()
    report = client.get("/run-monitoring").get_json()
    assert (report["model"], report["period"]) == (names.WILL_SPEND, "W")
    assert report["performance"]["realised"]["roc_auc"] > 0.7
    segments = client.get("/segments/report.json").get_json()
    assert sum(one["share"] for one in segments["segments"]) == pytest.approx(1.0)
    assert min(one["share"] for one in segments["segments"]) > 0.01
    assert any(one["realised"] is not None for one in segments["weeks"])
    page = client.get("/segments/")
    assert page.status_code == 200 and "Who the cards are" in page.get_data(as_text=True)
    assert client.get("/segments/static/segments.css").status_code == 200
