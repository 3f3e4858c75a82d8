"""A use case added by the book: usage of the call-detail records to a monitored upsell score.

All of its code is in `tests/upsell`; it reads what the ingest of call-detail records has written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from pyspark.sql import SparkSession

from cdrlake.services.kafka import KafkaBroker
from cdrlake.services.ports import free_ports
from lakehouse import kafka
from lakehouse.audit import audit
from lakehouse.clock import FixedClock, SystemClock
from lakehouse.domain import Topic
from lakehouse.domains.cdr.domain import EVENTS
from lakehouse.domains.settings import Settings
from lakehouse.models.linear import LinearScorer
from lakehouse.names import table_uri
from lakehouse.publisher import Publisher
from lakehouse.registry import Registry, open_registry
from lakehouse.settings.spark import SparkSettings
from monitoring.wiring import wire
from pyspark_jobs.engine.session import open_session
from pyspark_jobs.ingest import ingest
from pyspark_jobs.ingest.ingest import Intake
from pyspark_jobs.scoring import outcomes, score
from pyspark_jobs.scoring.context import ScoringContext
from pyspark_jobs.sql import predict
from pyspark_jobs.sql.live_models import RegistryPlace
from serving import wiring
from tests.integration.new_domain import installation, mirror_all
from tests.rest.service import listening
from tests.upsell import training, transform
from tests.upsell.domain import (
    ANSWERS,
    FEATURES,
    LABEL,
    MIRROR,
    OFFER,
    PREDICTIONS,
    SCORE,
    TARIFF_UPSELL,
    UPSELL,
    UPSELL_SCORES,
    USAGE_BY_HOUR,
)

SUBSCRIBERS, HISTORY_HOURS, HOURS, TEST_HOURS = 150, 24, 8, 10
HISTORY = datetime(2026, 6, 1, tzinfo=UTC)
TODAY = HISTORY + timedelta(hours=HISTORY_HOURS)
CLOCK = FixedClock(TODAY + timedelta(hours=HOURS, minutes=50))
OWN_TOPICS = {EVENTS.topic: "cdr-events-of-upsell"}
REPEATED = 0.05
PATIENCE_S = 3_600


def usage(first: datetime, hours: int, seed: int) -> pl.DataFrame:
    """One usage record of each subscriber in each hour, and whether an offer after it was taken."""
    rng = np.random.default_rng(seed)
    count = SUBSCRIBERS * hours
    volume = rng.gamma(2.0, 12e6, count).astype(np.int64)
    seconds = rng.gamma(2.0, 90.0, (2, count)).astype(np.int64)
    odds = 0.06 * volume / 1e6 + 0.1 * seconds.sum(axis=0) / 60 - 3.0
    starts = [first + timedelta(hours=n // SUBSCRIBERS) for n in range(count)]
    return pl.DataFrame(
        {
            "msisdn": [f"{999_000_000 + n % SUBSCRIBERS}" for n in range(count)],
            "hour": pl.Series(starts, dtype=pl.Datetime("us", "UTC")),
            "minute": rng.integers(0, 60, count),
            "volume": volume,
            "out": seconds[0],
            "in": seconds[1],
            "texts": rng.poisson(2.0, count),
            "upgraded": rng.random(count) < 1 / (1 + np.exp(-odds)),
        }
    )


def send_usage(settings: Settings, rows: pl.DataFrame, stream: str) -> None:
    """Usage as call-detail records, in order of time; some are sent twice."""
    publisher, rng = Publisher(settings.kafka), np.random.default_rng(9)
    for number, row in enumerate(rows.iter_rows(named=True)):
        at = (row["hour"] + timedelta(minutes=row["minute"])).isoformat()
        body = json.dumps(
            {
                "id": number, "DP_DATE": at, "DP_MSISDN": row["msisdn"],
                "DP_MOC_COUNT": 1, "DP_MOC_DURATION": row["out"],
                "DP_MTC_COUNT": 1, "DP_MTC_DURATION": row["in"],
                "DP_MOSMS_COUNT": row["texts"], "DP_MTSMS_COUNT": 0,
                "DP_DATA_COUNT": 1, "DP_DATA_VOLUME": row["volume"],
                "event_id": f"{stream}:{number}", "emitted_at": at,
            }
        )  # fmt: skip
        for _ in range(2 if rng.random() < REPEATED else 1):
            publisher.send(EVENTS.topic, row["msisdn"], body)
    publisher.deliver()


def send_answers(settings: Settings, rows: pl.DataFrame, stream: str) -> None:
    """The answers to the offers made after these hours."""
    publisher = Publisher(settings.kafka)
    for number, row in enumerate(rows.iter_rows(named=True)):
        body = {"event_id": f"{stream}:{number}", "msisdn": row["msisdn"],
                "hour": row["hour"].isoformat(), "upgraded": row["upgraded"]}  # fmt: skip
        publisher.send(OFFER.name, row["msisdn"], json.dumps(body))
    publisher.deliver()


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory, broker: KafkaBroker) -> Iterator[SparkSession]:
    state = str(tmp_path_factory.mktemp("session"))
    settings = Settings(state_dir=state, spark=SparkSettings(driver_memory="1g"))
    session = open_session("upsell", settings)
    yield session
    session.stop()


@pytest.fixture
def installed(database: Settings, broker: KafkaBroker, tmp_path: Path) -> Settings:
    settings = installation(database, UPSELL, tmp_path, OWN_TOPICS)
    kafka.create_topics(settings.kafka, [Topic(EVENTS.topic, partitions=2)])
    return settings


def ingest_all(settings: Settings, spark: SparkSession) -> None:
    """Both topics to bronze, and the hours that are over to features."""
    for feed, domain in ((EVENTS, "cdr"), (ANSWERS, UPSELL.name)):
        intake = Intake(feed, settings.domain(domain))
        assert ingest.start(spark, settings, intake, CLOCK, None).awaitTermination(PATIENCE_S)
    assert transform.start(spark, settings, None).awaitTermination(PATIENCE_S)


def trained(settings: Settings, spark: SparkSession) -> Registry:
    """A registry with a champion that was trained on a day of usage."""
    history = usage(HISTORY, HISTORY_HOURS, seed=1)
    send_usage(settings, history, "history")
    send_answers(settings, history, "history")
    ingest_all(settings, spark)
    registry = open_registry(settings, UPSELL_SCORES)
    test_from = TODAY - timedelta(hours=TEST_HOURS)
    assert training.train(settings, registry, test_from).promoted
    return registry


def features_of(rows: pl.DataFrame) -> pl.DataFrame:
    """The features that usage should have, in order of hour and subscriber."""
    rows = rows.sort("hour", "msisdn")
    return pl.DataFrame(
        {
            "hour": rows["hour"],
            "msisdn": rows["msisdn"],
            # numpy divides as Spark does; polars multiplies by the reciprocal of a constant.
            "megabytes": rows["volume"].to_numpy() / 1e6,
            "minutes": (rows["out"] + rows["in"]).to_numpy() / 60,
            "texts": rows["texts"].cast(pl.Float64),
        }
    )


def require_served_as_stored(settings: Settings, stored: pl.DataFrame) -> None:
    """REST gives the lake's probabilities, for features and for the newest hour of a subscriber."""
    port = {"port": free_ports(1)[0]}
    here = settings.model_copy(update={"serving": settings.serving.model_copy(update=port)})
    sample, path = stored.sample(20, seed=1), f"/models/{TARIFF_UPSELL}/predict"
    newest = stored.filter(pl.col("msisdn") == "999000001").row(-1, named=True)
    app = wiring.application(here, (UPSELL,), SystemClock(), None)
    with listening(app, here) as (_, client):
        bodies = [dict(zip(FEATURES, row, strict=True)) for row in sample["features"]]
        answer = client.post(path, json=bodies).json()
        looked_up = client.post(path, json={"key": "999000001"}).json()
    served = [one["probability"] for one in answer["predictions"]]
    assert served == sample["probability_1"].to_list()
    assert looked_up["probability"] == newest["probability_1"]
    assert datetime.fromisoformat(looked_up["as_of"]) == newest["hour"]


def require_asked_as_stored(settings: Settings, spark: SparkSession, stored: pl.DataFrame) -> None:
    """SQL's predict gives the lake's probabilities."""
    predict.register(spark, RegistryPlace.of(settings))
    hours = spark.read.format("delta").load(table_uri(settings.lake_uri, USAGE_BY_HOUR.name))
    hours.where(hours["hour"] >= TODAY).createOrReplaceTempView("usage_by_hour")
    asked = spark.sql(
        f"SELECT predict('{TARIFF_UPSELL}', struct(megabytes, minutes, texts)) AS said "
        "FROM usage_by_hour ORDER BY hour, msisdn"
    )
    said = [row["said"]["probability"] for row in asked.collect()]
    assert said == stored["probability_1"].to_list()


def require_monitored(settings: Settings, folder: Path, rows: int) -> None:
    """The model has a report, in which nothing drifts, and its page."""
    client = wire(settings, CLOCK, [UPSELL_SCORES]).app.test_client()
    report = client.get("/run-monitoring").get_json()
    assert (report["model"], report["period"], report["rows"]) == (TARIFF_UPSELL, "2H", rows)
    assert report["labelled"] == rows
    assert report["performance"]["realised"]["roc_auc"] > 0.6
    assert report["verdicts"]["data_drift"] == "ok"
    assert client.get("/").status_code == client.get("/report.json").status_code == 200
    page = (folder / "output" / "latest" / "report.html").read_text(encoding="utf-8")
    assert "megabytes" in page


def test_usage_in_cdr_events_becomes_a_monitored_upsell_score(
    installed: Settings, spark: SparkSession, tmp_path: Path
) -> None:
    registry = trained(installed, spark)
    context = ScoringContext(installed, UPSELL_SCORES, registry, CLOCK, SCORE, LABEL)
    today = usage(TODAY, HOURS, seed=2)
    send_usage(installed, today, "today")
    send_usage(installed, usage(TODAY + timedelta(hours=HOURS), 1, seed=3), "next")
    ingest_all(installed, spark)
    assert score.start(spark, context, None).awaitTermination(PATIENCE_S)
    send_answers(installed, today, "today")
    ingest_all(installed, spark)
    assert outcomes.start(spark, context, None).awaitTermination(PATIENCE_S)

    stored = pl.read_delta(table_uri(installed.lake_uri, PREDICTIONS.name)).sort("hour", "msisdn")
    expected = features_of(today)
    champion = registry.champion()
    assert champion is not None
    scorer = registry.load(champion).scorer
    assert isinstance(scorer, LinearScorer)
    again = scorer.score(expected.select(FEATURES).to_numpy())
    assert stored["features"].to_list() == [list(row) for row in expected.select(FEATURES).rows()]
    assert stored["probability_1"].to_list() == again.probability.tolist()
    assert stored["upgraded"].to_list() == today.sort("hour", "msisdn")["upgraded"].to_list()

    mirror_all(installed, MIRROR)
    found = audit(installed, UPSELL, {TARIFF_UPSELL: registry.scoring_start()})
    assert [(check.name, check.ok) for check in found.checks] == [
        (check.name, True) for check in UPSELL.checks
    ]
    counts = {one.name: one.count for one in found.steps}
    assert counts["scored"] == counts["mirrored"] == len(today)
    require_served_as_stored(installed, stored)
    require_asked_as_stored(installed, spark, stored)
    require_monitored(installed, tmp_path, len(today))
