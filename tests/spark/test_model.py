from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake
from pyspark.ml.functions import vector_to_array
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f
from pyspark.sql.streaming.query import StreamingQuery

from lakehouse import names, trace
from lakehouse.clock import FixedClock
from lakehouse.contracts import BRONZE_OUTCOMES, LABEL, PREDICTIONS, PROCESSED_COLUMNS
from lakehouse.errors import ModelError, StreamError
from lakehouse.features import feature_names, gold_contract
from lakehouse.models import kernel
from lakehouse.names import table_uri
from lakehouse.registry import Registry
from lakehouse.registry.stores import MemoryStore
from lakehouse.settings import Settings
from lakehouse.settings.model import CdrSettings, LakeSettings, ModelSettings
from pyspark_jobs import sources, tables
from pyspark_jobs.cdr import forests, outcomes, score
from pyspark_jobs.cdr.forests import Shape
from pyspark_jobs.cdr.score import Scoring
from pyspark_jobs.cdr.train import TrainingResult, train

START = date(2026, 1, 1)
NOW = datetime(2026, 6, 1, tzinfo=UTC)
WINDOWS = (2, 4, 7)
FEATURES = feature_names(WINDOWS)
USERS, DAYS, HORIZON, TEST_DAYS = 150, 40, 3, 4
TRAIN_DAYS = DAYS - TEST_DAYS - HORIZON

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Data:
    """A row for each day and user, in that order: features and label."""

    rows: Floats
    label: Labels

    @property
    def day(self) -> Labels:
        return np.repeat(np.arange(DAYS), USERS)

    @property
    def user(self) -> Labels:
        return np.tile(np.arange(USERS), DAYS)

    def with_column(self, name: str, values: Floats) -> Data:
        rows = self.rows.copy()
        rows[:, FEATURES.index(name)] = values
        return Data(rows, self.label)


def noise(seed: int = 1) -> Data:
    """Features that say nothing of the labels."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(USERS * DAYS, len(FEATURES)))
    return Data(rows, (rng.random(USERS * DAYS) < 0.2).astype(np.int64))


def telling(seed: int = 1) -> Data:
    """Labels that three of the features half explain."""
    data = noise(seed)
    rng = np.random.default_rng(seed + 1)
    signal = data.rows[:, 0] + 0.5 * data.rows[:, 1] + 0.5 * data.rows[:, 2]
    label = (signal + rng.logistic(scale=0.6, size=len(signal)) > 1.3).astype(np.int64)
    return Data(data.rows, label).with_column("days_since_active", signal.round())


def write_lake(lake_uri: str, data: Data, labelled_days: int = DAYS) -> None:
    """Gold of all days, outcomes of the first `labelled_days`."""
    dates = [START + timedelta(days=int(day)) for day in data.day]
    users = [f"4917{user:08d}" for user in data.user]
    contract = gold_contract(WINDOWS)
    counts = {name: pl.lit(1, pl.Int64) for name in PROCESSED_COLUMNS}
    gold = pl.DataFrame({"User": users, "Date": dates}).with_columns(
        **{name: pl.Series(data.rows[:, i]) for i, name in enumerate(FEATURES)},
        last_emitted_at=pl.lit(NOW),
        **counts,
    )
    decimals = [x.name for x in contract.fields if x.kind == "decimal"]
    gold = gold.with_columns(pl.lit(Decimal(1)).cast(pl.Decimal(18, 3)).alias(x) for x in decimals)
    write_deltalake(
        table_uri(lake_uri, contract.name), gold.select(contract.names).to_arrow(),
        partition_by=["Date"], configuration={"delta.enableChangeDataFeed": "true"},
    )  # fmt: skip
    known = outcome_rows(data).filter(pl.col("date") < START + timedelta(days=labelled_days))
    write_deltalake(table_uri(lake_uri, BRONZE_OUTCOMES.name), known.to_arrow())


def outcome_rows(data: Data) -> pl.DataFrame:
    """The outcome of every row, as it lies in bronze."""
    known = pl.DataFrame(
        {
            "DP_MSISDN": [f"4917{user:08d}" for user in data.user],
            "date": [START + timedelta(days=int(day)) for day in data.day],
            LABEL: data.label,
        }
    )
    known = known.with_row_index("offset").with_columns(
        pl.col("offset").cast(pl.Int64),
        pl.col(LABEL).cast(pl.Int32),
        known_at=pl.col("date") + timedelta(days=HORIZON + 1),
        topic=pl.lit("cdr-outcomes"), partition=pl.lit(0, pl.Int32), kafka_timestamp=pl.lit(NOW),
        batch_id=pl.lit(0, pl.Int64), ingested_at=pl.lit(NOW),
    )  # fmt: skip
    return known.select(BRONZE_OUTCOMES.names)


def installation(place: Path) -> Settings:
    """Short windows, small forests."""
    return Settings(
        state_dir=str(place / "state"),
        lake=LakeSettings(uri=str(place / "lake")),
        cdr=CdrSettings(
            label_horizon_days=HORIZON, active_window_days=3, feature_windows=WINDOWS
        ),
        model=ModelSettings(
            trees=(4, 12), depths=(2, 5), folds=2, sample_every_days=2, test_days=TEST_DAYS,
            min_rows=50, min_churners=5, budget_minutes=0.01, max_calibration_error=0.2,
        ),
    )  # fmt: skip


@dataclass(frozen=True)
class Site:
    """An installation with its registry, and what its training ended with."""

    settings: Settings
    registry: Registry
    clock: FixedClock
    result: TrainingResult


Trained = Callable[[Data], Site]


@pytest.fixture
def trained(spark: SparkSession, tmp_path: Path) -> Trained:
    """Train on some data in a lake of its own."""
    return lambda data: _train(spark, tmp_path, data)


@pytest.fixture(scope="module")
def site(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One training that many tests look at; the last three days have no outcomes yet."""
    yield _train(spark, tmp_path_factory.mktemp("site"), telling(), labelled_days=DAYS - 3)


def _train(spark: SparkSession, place: Path, data: Data, labelled_days: int = DAYS) -> Site:
    settings, clock = installation(place), FixedClock(NOW)
    write_lake(settings.lake_uri, data, labelled_days)
    registry = Registry(MemoryStore(place / "registry"), clock)
    result = train(spark, settings, registry, clock, print)
    return Site(settings, registry, clock, result)


def test_a_first_model_is_trained_judged_and_made_champion(site: Site) -> None:
    figures = site.result.figures
    assert site.registry.champion() == site.result.version
    assert figures.roc_auc.low > 0.7
    assert figures.roc_auc.low <= figures.roc_auc.value <= figures.roc_auc.high
    assert set(figures.baselines) == {"one_rule", "logistic_regression"}
    assert figures.rows == USERS * TEST_DAYS
    assert next(iter(figures.importance)) in (*FEATURES[:3], "days_since_active")


def test_the_papers_say_which_days_and_which_table_versions_were_used(site: Site) -> None:
    manifest = site.registry.load(site.result.version).manifest
    last = START + timedelta(days=DAYS - 4)
    assert (manifest.test_end, manifest.score_from) == (last, last + timedelta(days=1))
    assert manifest.train_end + timedelta(days=HORIZON + 1) == manifest.test_start
    assert manifest.delta_versions == {names.GOLD_FEATURES: 0, names.BRONZE_OUTCOMES: 0}
    assert manifest.features == FEATURES
    assert "in time" in manifest.folds


def test_card_and_plots_stand_beside_the_model(site: Site) -> None:
    folder = site.registry.load(site.result.version).folder
    card = (folder / "card.md").read_text()
    assert f"ROC-AUC | {site.result.figures.roc_auc}" in card
    for name in ("roc", "pr", "calibration", "importance"):
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_the_reference_is_the_test_window_scored_out_of_sample(site: Site) -> None:
    loaded = site.registry.load(site.result.version)
    reference = loaded.reference()
    assert len(reference) == USERS * TEST_DAYS
    assert reference["Date"].min() == loaded.manifest.test_start
    again = loaded.scorer.score_frame(reference.with_columns(last_emitted_at=pl.lit(NOW)))[
        "probability_1"
    ]
    assert (again - reference["probability_1"]).abs().max() <= 1e-9  # type: ignore[operator]


def test_the_same_tables_give_the_same_model_and_it_keeps_the_title(
    site: Site, spark: SparkSession
) -> None:
    second = train(spark, site.settings, site.registry, site.clock, print)
    one, two = (site.registry.load(v).manifest for v in (site.result.version, second.version))
    assert one.files["model.onnx"] == two.files["model.onnx"]
    assert second.verdict.reason.startswith("+0.0 points [+0.0, +0.0]")


def test_features_that_are_noise_give_no_better_than_chance(trained: Trained) -> None:
    roc_auc = trained(noise()).result.figures.roc_auc
    assert roc_auc.low < 0.5 < roc_auc.high


def test_shuffled_labels_give_no_better_than_chance(trained: Trained) -> None:
    data = telling()
    shuffled = np.random.default_rng(8).permutation(data.label)
    roc_auc = trained(Data(data.rows, shuffled)).result.figures.roc_auc
    assert roc_auc.low < 0.5 < roc_auc.high


def test_a_feature_filled_in_from_the_future_earns_nothing(trained: Trained) -> None:
    """Whoever fills a column afterwards knows the outcome of old rows, and not of new ones."""
    data = noise()
    rng = np.random.default_rng(5)
    known = data.day < TRAIN_DAYS
    leak = np.where(known, data.label, rng.integers(0, 2, len(known))).astype(float)
    site = trained(data.with_column("weekday_share", leak))
    folds = site.registry.load(site.result.version).manifest.params["roc_auc_over_folds"]
    assert ": 1.0000" in folds
    assert site.result.figures.roc_auc.low < 0.5 < site.result.figures.roc_auc.high


def test_a_fingerprint_of_the_subscriber_earns_nothing(trained: Trained) -> None:
    """Labels of neighbouring days overlap; only the embargo keeps their echo out of the test."""
    data = noise()
    rng = np.random.default_rng(6)
    before, after = rng.integers(0, 2, (2, USERS))
    label = np.where(data.day < TRAIN_DAYS + 1, before[data.user], after[data.user])
    fingerprint = Data(data.rows, label).with_column("weekday_share", rng.random(USERS)[data.user])
    site = trained(fingerprint)
    assert site.result.figures.roc_auc.low < 0.5 < site.result.figures.roc_auc.high


def test_few_days_are_trained_on_folds_by_subscriber(spark: SparkSession, tmp_path: Path) -> None:
    data = telling()
    settings = installation(tmp_path)
    settings = settings.model_copy(
        update={"model": settings.model.model_copy(update={"test_days": 2})}
    )
    write_lake(settings.lake_uri, data, labelled_days=11)
    registry = Registry(MemoryStore(tmp_path / "registry"), FixedClock(NOW))
    result = train(spark, settings, registry, FixedClock(NOW), print)
    manifest = registry.load(result.version).manifest
    assert manifest.folds == "2 by subscriber: too few days for folds in time"
    assert result.figures.roc_auc.low > 0.5


@pytest.mark.parametrize(
    ("label", "labelled_days", "message"),
    [
        pytest.param(np.zeros, DAYS, "rows of both classes, got .* 0 churners", id="one class"),
        pytest.param(np.ones, 7, "at least 8 labelled days, got 7", id="too few days"),
        pytest.param(np.ones, 0, "outcomes of scored dates, got none", id="no outcomes"),
    ],
)
def test_what_cannot_be_trained_is_refused_with_what_is_there(
    spark: SparkSession, tmp_path: Path, label: Callable[[int, type], Labels],
    labelled_days: int, message: str,
) -> None:  # fmt: skip
    settings = installation(tmp_path)
    data = Data(noise().rows, label(USERS * DAYS, np.int64))
    write_lake(settings.lake_uri, data, labelled_days)
    registry = Registry(MemoryStore(tmp_path / "registry"), FixedClock(NOW))
    with pytest.raises(ModelError, match=message):
        train(spark, settings, registry, FixedClock(NOW), print)
    assert registry.versions() == []


def test_too_few_churners_are_counted_in_the_refusal(spark: SparkSession, tmp_path: Path) -> None:
    settings = installation(tmp_path)
    label = np.zeros(USERS * DAYS, np.int64)
    label[:: USERS * 3] = 1
    write_lake(settings.lake_uri, Data(noise().rows, label))
    registry = Registry(MemoryStore(tmp_path / "registry"), FixedClock(NOW))
    with pytest.raises(ModelError, match="at least 5 rows of churners, got 2"):
        train(spark, settings, registry, FixedClock(NOW), print)


def test_probabilities_equal_those_of_mllib_on_100_000_rows(
    spark: SparkSession, tmp_path: Path
) -> None:
    data = telling(seed=3)
    table = pl.DataFrame(data.rows, schema=list(FEATURES)).with_columns(
        label=pl.Series(data.label.astype(float)), weight=pl.lit(1.0)
    )
    fitted = forests.fit_forest(
        spark.createDataFrame(table.to_arrow()), FEATURES, Shape(20, 8, "sqrt", 2), seed=1
    )
    forest = forests.flatten(spark, fitted, str(tmp_path / "scratch"))
    rows = np.random.default_rng(9).normal(size=(100_000, len(FEATURES)))
    on_a_threshold = forest.threshold[np.random.default_rng(2).integers(0, forest.nodes, 50_000)]
    rows[:50_000, 0] = on_a_threshold
    ours = kernel.votes(kernel.pack(forest, len(FEATURES)), rows) / forest.trees
    asked = spark.createDataFrame(pl.DataFrame(rows, schema=list(FEATURES)).to_arrow())
    asked = asked.withColumn("row", f.monotonically_increasing_id())
    theirs = fitted.transform(asked).select(
        "row", vector_to_array(f.col("probability"))[1].alias("p")
    )
    ordered = pl.DataFrame(theirs.toArrow()).sort("row")["p"].to_numpy()
    assert np.abs(ours - ordered).max() <= 1e-6
    assert not list((tmp_path / "scratch").iterdir())


def predictions(site: Site) -> pl.DataFrame:
    stored = pl.read_delta(table_uri(site.settings.lake_uri, names.PREDICTIONS))
    return stored.sort("Date", "User", "model_version")


def table_version(site: Site) -> int:
    return int(DeltaTable(table_uri(site.settings.lake_uri, names.PREDICTIONS)).version())


def run_to_end(query: StreamingQuery) -> None:
    query.awaitTermination()
    assert query.exception() is None


@pytest.fixture
def copy(site: Site, tmp_path: Path) -> Site:
    """The trained site as it was before anything was scored, to do anything with."""
    shutil.copytree(site.settings.lake_uri, tmp_path / "lake")
    registry = Registry(MemoryStore(tmp_path / "registry"), site.clock)
    version = site.result.version
    registry.register(site.registry.load(version).folder, version.manifest_sha256)
    registry.promote(1, "first model")
    return Site(installation(tmp_path), registry, site.clock, site.result)


def add_version(copy: Site) -> None:
    """Register the same bundle once more."""
    version = copy.registry.version(1)
    copy.registry.register(copy.registry.load(version).folder, version.manifest_sha256)


def test_without_a_champion_the_query_does_not_start(spark: SparkSession, lake: Settings) -> None:
    registry = Registry(MemoryStore(lake.state), FixedClock(NOW))
    with pytest.raises(StreamError, match="needed a champion, got none"):
        score.start(spark, lake, registry, FixedClock(NOW), None)


def test_gold_is_scored_once_from_the_day_after_the_test_window_on(
    spark: SparkSession, copy: Site
) -> None:
    run_to_end(score.start(spark, copy.settings, copy.registry, copy.clock, None))
    stored, loaded = predictions(copy), copy.registry.load(copy.registry.version(1))
    assert len(stored) == 3 * USERS
    assert stored["Date"].min() == loaded.manifest.score_from
    assert stored["label"].null_count() == len(stored)
    gold = pl.read_delta(table_uri(copy.settings.lake_uri, names.GOLD_FEATURES))
    again = loaded.scorer.score_frame(stored.select("User", "Date").join(gold, ["User", "Date"]))
    expected = stored.join(again, ["User", "Date"])
    assert (expected["probability_1"] - expected["probability_1_right"]).abs().max() == 0.0
    before = table_version(copy)
    shutil.rmtree(names.SCORE.checkpoint(copy.settings.lake_uri))
    run_to_end(score.start(spark, copy.settings, copy.registry, copy.clock, None))
    assert table_version(copy) == before


def test_a_changed_day_of_gold_changes_its_prediction_alone(
    spark: SparkSession, copy: Site
) -> None:
    run_to_end(score.start(spark, copy.settings, copy.registry, copy.clock, None))
    before = predictions(copy)
    user, day = before["User"][7], before["Date"][7]
    gold = DeltaTable(table_uri(copy.settings.lake_uri, names.GOLD_FEATURES))
    for shift in ("10.0", "-10.0"):
        updates = dict.fromkeys((*FEATURES[:3], "days_since_active"), shift)
        where = f"\"User\" = '{user}' AND \"Date\" = DATE '{day}'"
        gold.update(updates=updates, predicate=where)
    run_to_end(score.start(spark, copy.settings, copy.registry, copy.clock, None))
    after = predictions(copy)
    changed = after.join(before, on=["User", "Date", "probability_1"], how="anti")
    assert changed.select("User", "Date").rows() == [(user, day)]
    assert changed["features_str"][0].startswith('{"out_calls_sum_2d":-10.0')
    assert len(after) == len(before)


def test_an_outcome_that_matures_fills_the_label(spark: SparkSession, copy: Site) -> None:
    run_to_end(score.start(spark, copy.settings, copy.registry, copy.clock, None))
    run_to_end(outcomes.start(spark, copy.settings, copy.clock, None))
    assert predictions(copy)["label"].null_count() == 3 * USERS
    data = telling()
    matured = outcome_rows(data).filter(pl.col("date") == START + timedelta(days=DAYS - 3))
    bronze = table_uri(copy.settings.lake_uri, names.BRONZE_OUTCOMES)
    write_deltalake(bronze, matured.to_arrow(), mode="append")
    run_to_end(outcomes.start(spark, copy.settings, copy.clock, None))
    labelled = predictions(copy).drop_nulls("label")
    assert labelled["label"].to_list() == matured.sort("DP_MSISDN")[LABEL].to_list()
    assert labelled["Date"].unique().to_list() == [START + timedelta(days=DAYS - 3)]


def gold_of(spark: SparkSession, copy: Site, day: int) -> DataFrame:
    """One day of gold as a batch of its change feed, one row of it twice."""
    gold = sources.read_table(spark, table_uri(copy.settings.lake_uri, names.GOLD_FEATURES))
    rows = gold.where(f.col("Date") == START + timedelta(days=day))
    rows = rows.withColumn("_commit_version", f.lit(5))
    old = rows.limit(1).withColumn("_commit_version", f.lit(4)).withColumn(FEATURES[0], f.lit(99.0))
    return rows.unionByName(old)


def test_a_promotion_is_picked_up_by_the_next_batch(spark: SparkSession, copy: Site) -> None:
    tables.create_missing(copy.settings, PREDICTIONS)
    scoring = Scoring(copy.settings, copy.registry, copy.clock)
    scoring.write_batch(gold_of(spark, copy, DAYS - 2), 0)
    add_version(copy)
    copy.registry.promote(2, "better")
    scoring.write_batch(gold_of(spark, copy, DAYS - 1), 1)
    by_version = predictions(copy).group_by("model_version").agg(pl.col("Date").unique())
    assert dict(by_version.rows()) == {
        1: [START + timedelta(days=DAYS - 2)],
        2: [START + timedelta(days=DAYS - 1)],
    }


def test_a_challenger_scores_the_same_rows_beside_the_champion(
    spark: SparkSession, copy: Site
) -> None:
    tables.create_missing(copy.settings, PREDICTIONS)
    add_version(copy)
    copy.registry.challenge(2)
    Scoring(copy.settings, copy.registry, copy.clock).write_batch(gold_of(spark, copy, 39), 0)
    stored = predictions(copy)
    assert stored["model_version"].value_counts().sort("model_version").rows() == [
        (1, USERS),
        (2, USERS),
    ]


def test_a_large_batch_is_scored_on_the_executors_to_the_same_rows(
    spark: SparkSession, copy: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables.create_missing(copy.settings, PREDICTIONS)
    scoring = Scoring(copy.settings, copy.registry, copy.clock)
    scoring.write_batch(gold_of(spark, copy, 39), 0)
    before = table_version(copy)
    assert len(predictions(copy)) == USERS
    monkeypatch.setattr(score, "DRIVER_ROWS", 10)
    scoring.write_batch(gold_of(spark, copy, 39), 0)
    assert table_version(copy) == before
    scoring.write_batch(gold_of(spark, copy, 38), 1)
    assert len(predictions(copy)) == 2 * USERS


def test_a_backfill_scores_a_range_with_any_version_and_repeats_itself(
    spark: SparkSession, copy: Site
) -> None:
    add_version(copy)
    days = START + timedelta(days=36), START + timedelta(days=37)
    version = copy.registry.version(2)
    written = [
        score.backfill(spark, copy.settings, version, days, copy.registry, copy.clock)
        for _ in range(2)
    ]
    assert written == [2 * USERS, 0]
    stored = predictions(copy)
    assert stored["model_version"].unique().to_list() == [2]
    # The outcome of the first day was known before it was scored.
    assert stored.filter(pl.col("Date") == days[0])["label"].null_count() == 0


def test_any_stored_prediction_is_reproduced_by_the_version_it_names(
    spark: SparkSession, copy: Site
) -> None:
    run_to_end(score.start(spark, copy.settings, copy.registry, copy.clock, None))
    for row in predictions(copy).sample(5, seed=1).to_dicts():
        found = trace.trace(copy.settings, copy.registry, row["User"], row["Date"])
        assert [one.is_reproduced for one in found.predictions] == [True]
        assert found.features is not None and found.outcome is None
