"""The three findings are made where they should be, and told apart."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest

from lakehouse.errors import MonitoringError
from monitoring.analysis.findings import Finding
from monitoring.analysis.fitted import Fitted, fit
from monitoring.chunks import Period
from tests.integration.monitoring_data import (
    ANALYSIS_START,
    Change,
    found,
    model,
    reference,
    rows,
    seen,
)

DAYS = 20
PER_DAY = 600


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    return fit(model(), seen(reference(PER_DAY)), Period.parse("D"))


def states(made: dict[str, Finding]) -> dict[str, str]:
    return {name: finding.state for name, finding in made.items()}


def changed(change: Change | None, **options: Any) -> pl.DataFrame:
    return rows(ANALYSIS_START, DAYS, PER_DAY, seed=2, change=change, **options)


def test_nothing_is_found_where_nothing_changed(fitted: Fitted) -> None:
    made = found(fitted, changed(None))
    assert states(made) == dict.fromkeys(made, "ok")
    assert all(not finding.episodes for finding in made.values())


def test_a_change_of_unit_is_data_drift_from_its_first_day(fitted: Fitted) -> None:
    def megabytes(x: dict[str, Any]) -> None:
        x["volume"] *= 1024

    made = found(fitted, changed(megabytes))
    assert made["data_drift"].state == "found"
    assert made["model_drift"].state != "found"
    assert made["model_degradation"].state == "ok"
    assert made["data_drift"].since == str(ANALYSIS_START)
    assert made["data_drift"].evidence[0].startswith("volume: up to")
    assert made["data_drift"].evidence[-1].startswith("it does not hurt so far")


def test_a_relation_that_turns_round_is_model_drift_and_not_data_drift(fitted: Fitted) -> None:
    made = found(fitted, changed(None, flip=True))
    assert made["data_drift"].state == "ok"
    assert made["model_drift"].state == "found"
    assert made["model_drift"].evidence[0] == "the inputs did not move"
    assert any("trend" in line for line in made["model_drift"].evidence)


def test_labels_that_follow_nothing_any_more_are_degradation(fitted: Fitted) -> None:
    scored = changed(None)
    shuffled = scored.with_columns(pl.col("label").shuffle(seed=3))
    made = found(fitted, shuffled)
    assert made["model_degradation"].state == "found"
    assert any(line.startswith("realised roc_auc") for line in made["model_degradation"].evidence)


def test_a_fall_that_only_the_estimate_sees_is_degradation_too(fitted: Fitted) -> None:
    def blurred(x: dict[str, Any]) -> None:
        for name in ("active_share", "silent_days", "trend"):
            x[name] = np.full_like(x[name], x[name].mean()) + x[name] * 0.05

    scored = changed(blurred).with_columns(pl.lit(None, pl.Int32).alias("label"))
    made = found(fitted, scored)
    assert made["model_degradation"].state == "found"
    assert all(line.startswith("estimated") for line in made["model_degradation"].evidence)
    assert made["model_drift"].state == "unknown", "nothing is known of outcomes yet"


def test_a_drift_that_ends_is_an_episode_of_the_past(fitted: Fitted) -> None:
    def megabytes(x: dict[str, Any]) -> None:
        x["volume"] *= 1024

    drifted = rows(ANALYSIS_START, 3, PER_DAY, seed=2, change=megabytes)
    later = rows(date(2026, 5, 21), 10, PER_DAY, seed=2)
    data_drift = found(fitted, pl.concat([drifted, later]))["data_drift"]
    assert data_drift.state == "ok"
    assert [(e.chunks, e.open) for e in data_drift.episodes] == [(3, False)]


def test_small_chunks_say_nothing(fitted: Fitted) -> None:
    made = found(fitted, rows(ANALYSIS_START, DAYS, 60, seed=2), min_rows=100)
    assert states(made) == dict.fromkeys(made, "unknown")


def test_rows_of_the_reference_are_refused(fitted: Fitted) -> None:
    with pytest.raises(MonitoringError, match="dates after the reference"):
        found(fitted, rows(fitted.end, 3, PER_DAY))


def test_a_reference_of_one_class_is_refused() -> None:
    with pytest.raises(MonitoringError, match="labels of both classes"):
        nobody = reference().with_columns(pl.lit(0, pl.Int32).alias("label"))
        fit(model(), seen(nobody), Period.parse("D"))
