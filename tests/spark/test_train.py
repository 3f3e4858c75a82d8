from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession

from lakehouse.clock import FixedClock
from lakehouse.domains.cdr import names
from lakehouse.domains.cdr.domain import CHURN
from lakehouse.errors import ModelError
from lakehouse.models.scoring import score_frame
from lakehouse.registry import Registry
from lakehouse.registry.stores import MemoryStore
from pyspark_jobs.cdr.train import train
from tests.spark.model_site import (
    DAYS,
    FEATURES,
    HORIZON,
    NOW,
    START,
    TEST_DAYS,
    USERS,
    Data,
    Labels,
    Site,
    installation,
    noise,
    telling,
    write_lake,
)


def test_a_first_model_is_trained_judged_and_made_champion(site: Site) -> None:
    figures = site.result.figures
    assert site.registry.champion() == site.result.version
    roc_auc = figures.interval("roc_auc")
    assert 0.7 < roc_auc.low <= roc_auc.value <= roc_auc.high
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
    assert f"ROC-AUC | {site.result.figures.interval('roc_auc')}" in card
    for name in ("roc", "pr", "calibration", "importance"):
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_the_reference_is_the_test_window_scored_out_of_sample(site: Site) -> None:
    loaded = site.registry.load(site.result.version)
    reference = loaded.reference()
    assert len(reference) == USERS * TEST_DAYS
    assert reference["Date"].min() == loaded.manifest.test_start
    again = score_frame(loaded.scorer, reference, CHURN)["probability_1"]
    assert (again - reference["probability_1"]).abs().max() <= 1e-9  # type: ignore[operator]


def test_the_same_tables_give_the_same_model_and_it_keeps_the_title(
    site: Site, spark: SparkSession
) -> None:
    second = train(spark, site.settings, site.registry, site.clock, print)
    one, two = (site.registry.load(v).manifest for v in (site.result.version, second.version))
    assert one.files["model.onnx"] == two.files["model.onnx"]
    assert second.verdict.reason.startswith("+0.0 points [+0.0, +0.0]")


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
    assert result.figures.interval("roc_auc").low > 0.5


@pytest.mark.parametrize(
    ("label", "labelled_days", "message"),
    [
        pytest.param(np.zeros, DAYS, "both classes, but got 0 rows of churners", id="one class"),
        pytest.param(np.ones, 7, "at least 8 labelled days, but got 7", id="too few days"),
        pytest.param(np.ones, 0, "outcomes of scored dates, but got none", id="no outcomes"),
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
    with pytest.raises(ModelError, match="at least 5 rows of churners, but got 2"):
        train(spark, settings, registry, FixedClock(NOW), print)
