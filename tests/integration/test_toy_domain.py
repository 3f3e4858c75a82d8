"""A domain that nobody knew goes from Kafka to a monitored prediction; shared code is as it was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from cdrlake.services.kafka import KafkaBroker
from cdrlake.services.ports import free_ports
from lakehouse.audit import audit
from lakehouse.clock import FixedClock, SystemClock
from lakehouse.domains.feedback import FEEDBACK
from lakehouse.domains.feedback.domain import served
from lakehouse.domains.settings import Settings
from lakehouse.models import bundle, linear
from lakehouse.models.linear import LinearModel, LinearScorer
from lakehouse.models.manifest import Costs, Figures, Interval, Manifest, Metrics
from lakehouse.models.model_kinds import LINEAR
from lakehouse.names import QueryIdentity, table_uri
from lakehouse.publisher import Publisher
from lakehouse.registry import Registry, open_registry
from lakehouse.settings.model import DomainSettings
from lakehouse.settings.spark import SparkSettings
from lakehouse.trace import trace
from monitoring.analysis.values import ENTITY, LABEL, SCORE
from monitoring.scored_rows import ScoredRows
from monitoring.wiring import wire
from pyspark_jobs.engine.session import open_session
from pyspark_jobs.feedback import join
from pyspark_jobs.ingest import ingest
from pyspark_jobs.ingest.ingest import Intake
from pyspark_jobs.scoring import outcomes, score
from pyspark_jobs.scoring.context import ScoringContext
from pyspark_jobs.training.bundle_writer import TrainedModel, write_bundle
from pyspark_jobs.training.sample import LabelledRows
from serving import wiring
from tests.integration.new_domain import installation, mirror_all
from tests.rest.service import listening
from tests.toy.machines import FAILURES, READINGS, SCORES, TOY

MACHINES, REFERENCE_HOURS, HOURS = 250, 24, 6
REFERENCE = datetime(2026, 6, 1, tzinfo=UTC)
ANALYSIS = REFERENCE + timedelta(hours=REFERENCE_HOURS)
CLOCK = FixedClock(ANALYSIS + timedelta(hours=HOURS, minutes=30))
MODEL = LinearModel(
    features=("vibration",), coefficients=(1.2,), intercept=-2.0, mean=(4.0,), scale=(1.5,),
    threshold=0.3,
)  # fmt: skip


def readings(first: datetime, hours: int, seed: int = 1) -> pl.DataFrame:
    """A reading of each machine in each hour, and whether it failed."""
    rng = np.random.default_rng(seed)
    count = MACHINES * hours
    vibration = rng.gamma(4.0, 1.0, count)
    chance = LinearScorer(MODEL).score(vibration[:, None]).probability
    moments = [first + timedelta(hours=n // MACHINES, minutes=n % 60) for n in range(count)]
    return pl.DataFrame(
        {
            "machine": [f"m{n % MACHINES}" for n in range(count)],
            "at": pl.Series(moments, dtype=pl.Datetime("us", "UTC")),
            "vibration": vibration,
            "failed": rng.random(count) < chance,
        }
    )


def register(registry: Registry, folder: Path) -> None:
    """Register and promote a linear model with a day of readings as its reference."""
    test = LabelledRows(
        readings(REFERENCE, REFERENCE_HOURS, seed=2).rename({"failed": "label"}),
        MODEL.features,
        FAILURES,
    )
    scores = LinearScorer(MODEL).score(test.rows)
    spread = Interval(0.8, 0.78, 0.82)
    metrics: Metrics = {
        "roc_auc": spread,
        "pr_auc": spread,
        "brier": 0.1,
        "calibration_error": 0.01,
    }
    figures = Figures(rows=len(test.label), entities=MACHINES, positives=int(test.label.sum()),
                      metrics=metrics)  # fmt: skip
    day = REFERENCE.date()
    papers = Manifest(
        kind=LINEAR, features=MODEL.features, feature_hash=bundle.feature_hash(MODEL.features),
        contract_version=1, threshold=MODEL.threshold, costs=Costs(10.0, 1.0), params={},
        folds="none", train_start=day, train_end=day, test_start=day, test_end=day,
        score_from=ANALYSIS.date(), train_rows=1, train_positives=1, delta_versions={},
        git_commit="unknown", figures=figures, files={},
    )  # fmt: skip
    folder.mkdir()
    trained = TrainedModel(linear.encode(MODEL), papers, "Machines that may fail.")
    version = registry.register(folder, write_bundle(folder, trained, test, scores))
    registry.promote(version.number, "the first")


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory, broker: KafkaBroker) -> Iterator[SparkSession]:
    state = str(tmp_path_factory.mktemp("session"))
    settings = Settings(state_dir=state, spark=SparkSettings(driver_memory="1g"))
    session = open_session("toy", settings)
    yield session
    session.stop()


@pytest.fixture
def plant(database: Settings, broker: KafkaBroker, tmp_path: Path) -> Settings:
    """An installation with the toy's topics and its table in MySQL, and an empty lake."""
    return installation(database, TOY, tmp_path)


def send(settings: Settings, rows: pl.DataFrame, first: int, with_label: bool) -> None:
    """Readings as messages; the label comes in a message of its own, later."""
    publisher = Publisher(settings.kafka)
    for number, row in enumerate(rows.iter_rows(named=True), first):
        label = row["failed"] if with_label else None
        body = row | {"event_id": f"plant:{number}", "at": row["at"].isoformat(), "failed": label}
        publisher.send(READINGS.topic, row["machine"], json.dumps(body))
    publisher.deliver()


def require_served_as_stored(settings: Settings, stored: pl.DataFrame) -> str:
    """REST gives the lake's probabilities: of a record by its features, and of a machine by key.

    Returns the id of the request with the records, the fourth of which has got its truth.
    """
    port = {"port": free_ports(1)[0]}
    here = settings.model_copy(update={"serving": settings.serving.model_copy(update=port)})
    newest = stored.filter(pl.col("machine") == "m1").sort("at").row(-1, named=True)
    path = f"/models/{FAILURES.model}/predict"
    app = wiring.application(here, (TOY,), SystemClock(), None)
    with listening(app, here) as (_, client):
        sample = stored.sample(20, seed=1)
        bodies = [dict(zip(MODEL.features, row, strict=True)) for row in sample["features"]]
        answer = client.post(path, json=bodies).json()
        looked_up = client.post(path, json={"key": "m1"}).json()
        told = {"request_id": answer["request_id"], "record": 3, "truth": 1}
        assert client.post("/feedback", json=told).status_code == 202
    served = [one["probability"] for one in answer["predictions"]]
    assert served == sample["probability_1"].to_list()
    assert (answer["version"], looked_up["version"]) == (1, newest["model_version"])
    assert looked_up["probability"] == newest["probability_1"]
    assert datetime.fromisoformat(looked_up["as_of"]) == newest["at"]
    return str(answer["request_id"])


def require_served_rows_monitored(settings: Settings, spark: SparkSession, request: str) -> None:
    """What REST answered is in the lake with its feedback, and monitoring reads it from there."""
    clock = SystemClock()
    for feed in FEEDBACK.feeds:
        intake = Intake(feed, DomainSettings())
        assert ingest.start(spark, settings, intake, clock, None).awaitTermination(600)
    assert join.start(spark, settings, None).awaitTermination(600)
    found = audit(settings, FEEDBACK, {})
    assert [check.name for check in found.checks if not check.ok] == []
    own = served(FAILURES)
    days = [(clock.now().date() - timedelta(days=1), clock.now().date() + timedelta(days=1))]
    uri = table_uri(settings.lake_uri, own.table.name)
    rows = ScoredRows(own, settings.lake_uri).read(
        DeltaTable(uri).version(), 1, days, MODEL.features
    )
    mine = rows.filter(pl.col(ENTITY).str.starts_with(request)).sort(ENTITY)
    assert len(mine) == 20
    assert dict(mine.select(ENTITY, LABEL).drop_nulls().rows()) == {f"{request}:3": 1}
    scored = LinearScorer(MODEL).score(mine.select(MODEL.features).to_numpy())
    assert mine[SCORE].to_list() == scored.probability.tolist()


def test_from_a_message_to_a_monitored_prediction(
    plant: Settings, spark: SparkSession, tmp_path: Path
) -> None:
    registry = open_registry(plant, FAILURES)
    register(registry, tmp_path / "bundle")
    context = ScoringContext(
        plant, FAILURES, registry, CLOCK,
        QueryIdentity("toy_score", SCORES.name, 1), QueryIdentity("toy_label", SCORES.name, 1),
    )  # fmt: skip
    rows = readings(ANALYSIS, HOURS)

    def ingest_all() -> None:
        intake = Intake(READINGS, DomainSettings())
        assert ingest.start(spark, plant, intake, CLOCK, None).awaitTermination(600)

    send(plant, rows, 0, with_label=False)
    publisher = Publisher(plant.kafka)
    publisher.send(READINGS.topic, "m1", b'{"machine": "no machine", "at": 7}')
    publisher.deliver()
    ingest_all()
    assert score.start(spark, context, None).awaitTermination(600)
    send(plant, rows, len(rows), with_label=True)
    ingest_all()
    assert outcomes.start(spark, context, None).awaitTermination(600)

    stored = pl.read_delta(table_uri(plant.lake_uri, SCORES.name)).sort("at", "machine")
    expected = rows.sort("at", "machine")
    again = LinearScorer(MODEL).score(expected["vibration"].to_numpy()[:, None])
    assert stored["probability_1"].to_list() == again.probability.tolist()
    assert stored["failed"].to_list() == expected["failed"].to_list()

    mirror_all(plant, TOY.mirrors[0])
    found = audit(plant, TOY, {FAILURES.model: registry.scoring_start()})
    assert [(check.name, check.ok) for check in found.checks] == [
        (check.name, True) for check in TOY.checks
    ]
    counts = {one.name: one.count for one in found.steps}
    assert (counts["bronze"], counts["quarantine"]) == (2 * len(rows), 1)
    assert counts["scored"] == counts["mirrored"] == len(rows)

    request = require_served_as_stored(plant, stored)
    require_served_rows_monitored(plant, spark, request)

    first = expected.row(0, named=True)
    traced = trace(plant, registry, TOY, FAILURES, first["machine"], first["at"])
    assert [one.is_reproduced for one in traced.predictions] == [True]
    assert traced.outcome == first["failed"]

    client = wire(plant, CLOCK, [FAILURES]).app.test_client()
    report = client.get("/run-monitoring").get_json()
    assert (report["model"], report["period"], report["rows"]) == (FAILURES.model, "1H", len(rows))
    assert report["performance"]["realised"]["roc_auc"] > 0.7
    assert report["verdicts"]["data_drift"] == "ok"
    assert date.fromisoformat(report["start_date"][:10]) == ANALYSIS.date()
    assert (tmp_path / "output" / "latest" / "report.html").exists()
