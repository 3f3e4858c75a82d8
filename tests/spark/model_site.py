"""A small installation with made-up features, trained in seconds: what the model's tests share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
from deltalake import write_deltalake
from pyspark.sql import SparkSession

from lakehouse.clock import FixedClock
from lakehouse.domains.cdr.contracts import BRONZE_OUTCOMES, LABEL, PROCESSED_COLUMNS
from lakehouse.domains.cdr.features import changes_contract, feature_names, gold_contract
from lakehouse.domains.cdr.settings import CdrSettings
from lakehouse.domains.settings import Settings
from lakehouse.names import table_uri
from lakehouse.registry import Registry
from lakehouse.registry.stores import MemoryStore
from lakehouse.settings.model import LakeSettings, ModelSettings
from pyspark_jobs.cdr.train import TrainingResult, train
from pyspark_jobs.delta import tables

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
        bucket=pl.lit(0, pl.Int32),
        **counts,
    )
    decimals = [x.name for x in contract.fields if x.kind == "decimal"]
    gold = gold.with_columns(pl.lit(Decimal(1)).cast(pl.Decimal(18, 3)).alias(x) for x in decimals)
    write_deltalake(
        table_uri(lake_uri, contract.name), gold.select(contract.names).to_arrow(),
        partition_by=["Date", "bucket"],
    )  # fmt: skip
    tables.create_missing(Settings(lake=LakeSettings(uri=lake_uri)), changes_contract(WINDOWS))
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
            min_rows=50, min_positives=5, budget_minutes=0.01, max_calibration_error=0.2,
        ),
    )  # fmt: skip


@dataclass(frozen=True)
class Site:
    """An installation with its registry, and what its training ended with."""

    settings: Settings
    registry: Registry
    clock: FixedClock
    result: TrainingResult


def train_site(spark: SparkSession, place: Path, data: Data, labelled_days: int = DAYS) -> Site:
    """Write a lake with `data`, train on it, and keep what that ended with."""
    settings, clock = installation(place), FixedClock(NOW)
    write_lake(settings.lake_uri, data, labelled_days)
    registry = Registry(MemoryStore(place / "registry"), clock)
    result = train(spark, settings, registry, clock, print)
    return Site(settings, registry, clock, result)
