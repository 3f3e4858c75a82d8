"""The bot detector learns from windows that the pipeline's own SQL has counted."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import combinations

import polars as pl
import pytest
from pyspark.sql import SparkSession

from lakehouse.domains.clicks import names, world
from lakehouse.domains.clicks.contracts import FEATURES, VIEWS
from lakehouse.domains.clicks.domain import BOTS
from lakehouse.domains.settings import Settings
from lakehouse.errors import ModelError
from lakehouse.models.inputs import Inputs
from lakehouse.models.scoring import matrix
from lakehouse.registry import open_registry
from pyspark_jobs.clicks import lessons as lessons_of
from pyspark_jobs.clicks.lessons import Lessons
from pyspark_jobs.clicks.train import ORACLE, split, train

LESSONS = Lessons(datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC), users=200, bot_share=0.2, minutes=40)


@pytest.fixture(scope="module")
def windows(spark: SparkSession) -> pl.DataFrame:
    return lessons_of.windows(spark, LESSONS)


def test_each_click_counts_in_five_windows_of_whoever_clicked(windows: pl.DataFrame) -> None:
    crowd = LESSONS.crowd()
    clicks = list(world.clicks(crowd, LESSONS.start, LESSONS.length, LESSONS.seed))
    assert windows.select(pl.sum_horizontal(VIEWS).sum()).item() == 5 * len(clicks)
    assert set(windows["user_id"]) == {click.user_id for click in clicks}
    orders = {str(one.id): one.nb_orders for one in crowd}
    assert windows["nb_orders"].to_list() == [orders[user] for user in windows["user_id"]]
    assert Inputs(FEATURES).texts == ("country", "platform")


def test_some_bots_are_labelled_as_people_and_no_person_as_a_bot() -> None:
    crowd = LESSONS.crowd()
    labels = LESSONS.labels(crowd)
    called = [one.kind for one in crowd if labels[str(one.id)]]
    assert (len(called), "person" in called) == (39, False)  # 40 bots, 3 % of them missed


def test_no_user_is_in_two_parts_and_each_part_has_bots(windows: pl.DataFrame) -> None:
    parts = split(windows, Settings())
    users = [set(part.frame["user_id"]) for part in (parts.fit, parts.calibrate, parts.test)]
    assert not any(one & other for one, other in combinations(users, 2))
    assert sum(map(len, users)) == windows["user_id"].n_unique()
    with pytest.raises(ModelError, match="train with more users or a larger share of bots"):
        split(windows.filter(pl.col("label") == 0), Settings())


def test_a_version_is_registered_judged_and_compared_with_what_is_attainable(
    spark: SparkSession, lake: Settings, windows: pl.DataFrame
) -> None:
    registry = open_registry(lake, BOTS)
    # So few users are called bots or people by chance more often than a gate allows.
    gates = lake.model.model_copy(update={"max_calibration_error": 0.2})
    lenient = lake.model_copy(update={"model": gates})
    found = train(spark, lenient, registry, LESSONS, print)
    assert found.verdict.promoted, found.verdict.reason
    loaded = registry.load(found.version)
    assert loaded.manifest.recipe["labels"] == list(names.LABELS)
    assert loaded.scorer.features == FEATURES
    known = found.figures.baselines
    best, ours = known[ORACLE]["roc_auc"], found.figures.interval("roc_auc")
    assert not isinstance(best, float)
    assert ours.low > 0.8 and best.value > ours.value - 0.02
    # The reference rows are scored as they were in training, to the bit.
    reference = loaded.reference()
    again = loaded.scorer.score(matrix(reference, FEATURES))
    assert reference["probability"].to_list() == again.probability.tolist()
    assert set(reference["user_id"]) <= set(windows["user_id"])
