"""Real card transactions: a drifted copy is found, the undrifted one is not.

The rows are dealt out at random to days, because the sample covers less than two of them: whatever
differs between these days is chance.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lakehouse.models.manifest import Costs
from lakehouse.settings import ROOT
from monitoring.analysis.fitted import Fitted, fit
from monitoring.analysis.model import Model
from monitoring.chunks import Period
from tests.integration.monitoring_data import ANALYSIS_START, REFERENCE_START, found, seen

REAL = Path(os.environ.get("REAL_DATA_DIR", ROOT.parent / "shared" / "data"))
SAMPLE = REAL / "ulb_creditcard" / "creditcard_enriched_first70.csv.gz"
FEATURES = (*(f"V{number}" for number in range(1, 29)), "Amount")
TRAINING, REFERENCE_DAYS, DAYS = 0.4, 10, 6
THRESHOLD = 0.2


def deal(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows in random order, as if of ten days before and six after the champion's promotion."""
    per_day = rows.height // (REFERENCE_DAYS + DAYS)
    number = pl.int_range(pl.len()) // per_day
    gap = (ANALYSIS_START - REFERENCE_START).days - REFERENCE_DAYS
    day = pl.when(number < REFERENCE_DAYS).then(number).otherwise(number + gap)
    dated = rows.with_columns(
        Date=pl.lit(REFERENCE_START) + pl.duration(days=day),
        User=pl.int_range(pl.len()).cast(pl.String).str.zfill(8),
    )
    return dated.head(per_day * (REFERENCE_DAYS + DAYS))


@pytest.fixture(scope="module")
def scored() -> pl.DataFrame:
    """The sample, scored by a model that was trained on other rows of it."""
    if not SAMPLE.exists():
        pytest.skip(f"no {SAMPLE}; REAL_DATA_DIR names the folder of real data")
    rows = pl.read_csv(SAMPLE, infer_schema_length=None)
    rows = rows.select(pl.col(FEATURES).cast(pl.Float64), label=pl.col("Class").cast(pl.Int32))
    rows = rows.sample(fraction=1.0, shuffle=True, seed=1)
    count = int(TRAINING * rows.height)
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    classifier.fit(rows[:count].select(FEATURES).to_numpy(), rows[:count]["label"].to_numpy())
    rest = rows[count:]
    score = classifier.predict_proba(rest.select(FEATURES).to_numpy())[:, 1]
    return deal(rest).with_columns(
        probability_1=pl.Series(score[: deal(rest).height]),
        prediction=pl.Series((score >= THRESHOLD).astype(np.int32)[: deal(rest).height]),
    )


@pytest.fixture(scope="module")
def fitted(scored: pl.DataFrame) -> Fitted:
    importance = dict.fromkeys(FEATURES, 1 / len(FEATURES))
    model = Model(1, "cards", FEATURES, Costs(100.0, 1.0), THRESHOLD, ANALYSIS_START, importance)
    return fit(model, seen(scored.filter(pl.col("Date") < ANALYSIS_START)), Period.parse("D"))


@pytest.fixture(scope="module")
def later(scored: pl.DataFrame) -> pl.DataFrame:
    return scored.filter(pl.col("Date") >= ANALYSIS_START)


def test_the_undrifted_rows_raise_nothing(fitted: Fitted, later: pl.DataFrame) -> None:
    made = found(fitted, later)
    assert {name: finding.state for name, finding in made.items()} == dict.fromkeys(made, "ok")
    assert all(not finding.episodes for finding in made.values())


def test_amounts_in_another_unit_are_found_on_the_first_day(
    fitted: Fitted, later: pl.DataFrame
) -> None:
    first = ANALYSIS_START + timedelta(days=2)
    drifted = pl.when(pl.col("Date") >= first).then(pl.col("Amount") * 100)
    data_drift = found(fitted, later.with_columns(drifted.otherwise(pl.col("Amount"))))[
        "data_drift"
    ]
    assert (data_drift.state, data_drift.since) == ("found", str(first))
    assert data_drift.evidence[0].startswith("Amount: up to")


def test_labels_that_no_longer_follow_are_degradation_and_not_data_drift(
    fitted: Fitted, later: pl.DataFrame
) -> None:
    made = found(fitted, later.with_columns(pl.col("label").shuffle(seed=3)))
    assert made["model_degradation"].state == "found"
    assert made["data_drift"].state == "ok"
