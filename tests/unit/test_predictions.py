from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake

from lakehouse.clock import FixedClock
from lakehouse.domains.cdr import names
from lakehouse.domains.cdr.contracts import LABEL, PREDICTIONS
from lakehouse.domains.settings import Settings
from lakehouse.names import table_uri
from lakehouse.registry import Registry
from lakehouse.registry.stores import MemoryStore
from lakehouse.settings.model import LakeSettings
from lakehouse.store import changes
from pyspark_jobs.cdr.churn_scoring import scoring_context
from pyspark_jobs.delta import tables
from pyspark_jobs.scoring.predictions import Predictions

NOW = datetime(2026, 6, 1, tzinfo=UTC)
RIPE = date(2026, 4, 1)  # its outcome can be known now
FRESH = date(2026, 5, 20)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An installation whose lake has an empty table of predictions."""
    settings = Settings(lake=LakeSettings(uri=str(tmp_path / "lake")))
    tables.create_missing(settings, PREDICTIONS)
    return settings


def opened(settings: Settings) -> Predictions:
    registry = Registry(MemoryStore(settings.state), FixedClock(NOW))
    return Predictions(scoring_context(settings, registry, FixedClock(NOW)))


@pytest.fixture
def predictions(settings: Settings) -> Predictions:
    return opened(settings)


@pytest.fixture
def stored(settings: Settings) -> Callable[[], pl.DataFrame]:
    uri = table_uri(settings.lake_uri, PREDICTIONS.name)
    return lambda: pl.read_delta(uri).sort("User", "Date", "model_version")


def versions(settings: Settings) -> int:
    return int(DeltaTable(table_uri(settings.lake_uri, PREDICTIONS.name)).version())


def scored(
    user: str = "49170000001", day: date = FRESH, probability: float = 0.2, version: int = 1
) -> pl.DataFrame:
    row = {
        "User": user, "Date": day, "prediction": 0, "probability_0": 1 - probability,
        "probability_1": probability, "rawPrediction_0": 8.0, "rawPrediction_1": 2.0,
        "feature_names": "a", "features": [probability], "model_version": version,
        "run_id": f"run-{version}", "scored_at": NOW, "last_emitted_at": NOW,
    }  # fmt: skip
    kinds = {"prediction": pl.Int32, "model_version": pl.Int32}
    return pl.DataFrame([row], schema_overrides=kinds)


def days(day: date = FRESH, user: str = "49170000001") -> pl.DataFrame:
    return pl.DataFrame({"User": [user], "Date": [day]})


def bronze(day: date, label: int, offset: int = 0, user: str = "49170000001") -> pl.DataFrame:
    return pl.DataFrame(
        {
            "DP_MSISDN": [user],
            "date": [day],
            LABEL: pl.Series([label], dtype=pl.Int32),
            "known_at": [day + timedelta(days=31)],
            "kafka_timestamp": [NOW],
            "offset": [offset],
        }
    )


@pytest.fixture
def say(settings: Settings) -> Callable[..., None]:
    """Puts an outcome of a day into bronze."""
    uri = table_uri(settings.lake_uri, names.BRONZE_OUTCOMES)

    def append(label: int, offset: int = 0, user: str = "49170000001", day: date = FRESH) -> None:
        write_deltalake(uri, bronze(day, label, offset, user).to_arrow(), mode="append")

    return append


def test_the_same_scores_again_change_no_table(
    predictions: Predictions, settings: Settings
) -> None:
    rows = pl.concat([scored(), scored(user="49170000002")])
    assert predictions.put(rows) == 2
    before = versions(settings)
    later = rows.with_columns(scored_at=pl.lit(NOW + timedelta(hours=1)))
    assert predictions.put(later) == 0
    assert versions(settings) == before


def test_another_score_of_the_same_day_replaces_the_first(
    predictions: Predictions, stored: Callable[[], pl.DataFrame]
) -> None:
    predictions.put(scored(probability=0.2))
    predictions.put(scored(probability=0.7))
    assert stored()["probability_1"].to_list() == [0.7]


def test_each_version_has_a_row_of_its_own(
    predictions: Predictions, stored: Callable[[], pl.DataFrame]
) -> None:
    predictions.put(scored(version=1))
    predictions.put(scored(version=2))
    assert stored()["model_version"].to_list() == [1, 2]


def test_an_outcome_labels_every_version_and_nothing_else(
    predictions: Predictions, stored: Callable[[], pl.DataFrame], say: Callable[..., None]
) -> None:
    predictions.put(pl.concat([scored(version=1), scored(version=2), scored("49170000002")]))
    say(1)
    assert predictions.label(days()) == 1
    assert stored()["label"].to_list() == [1, 1, None]
    assert stored()["probability_1"].to_list() == [0.2, 0.2, 0.2]


def test_the_same_outcome_again_changes_no_table(
    predictions: Predictions, settings: Settings, say: Callable[..., None]
) -> None:
    predictions.put(scored())
    say(1)
    predictions.label(days())
    before = versions(settings)
    say(1, offset=1)
    assert predictions.label(days()) == 0
    assert versions(settings) == before


def test_a_corrected_outcome_replaces_the_label(
    predictions: Predictions, stored: Callable[[], pl.DataFrame], say: Callable[..., None]
) -> None:
    predictions.put(scored())
    for offset, label in enumerate((1, 0)):
        say(label, offset)
        predictions.label(days())
    assert stored()["label"].to_list() == [0]


def test_an_older_word_that_comes_again_does_not_replace_the_correction(
    predictions: Predictions, stored: Callable[[], pl.DataFrame], say: Callable[..., None]
) -> None:
    predictions.put(scored())
    for label, offset in ((0, 9), (1, 5)):
        say(label, offset)
        predictions.label(days())
    assert stored()["label"].to_list() == [0]


def test_a_correction_that_comes_while_a_label_is_written_wins(
    predictions: Predictions, settings: Settings, stored: Callable[[], pl.DataFrame],
    say: Callable[..., None], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    predictions.put(scored())
    say(1, offset=0)
    other, look = opened(settings), Predictions._said_of

    def interrupted(self: Predictions, asked: pl.DataFrame) -> pl.DataFrame:
        found = look(self, asked)
        monkeypatch.setattr(Predictions, "_said_of", look)
        say(0, offset=1)
        assert other.label(days()) == 1
        return found

    monkeypatch.setattr(Predictions, "_said_of", interrupted)
    predictions.label(days())
    assert stored()["label"].to_list() == [0]


def test_what_was_scored_since_the_days_were_read_stays(
    predictions: Predictions, stored: Callable[[], pl.DataFrame]
) -> None:
    predictions.put(scored(probability=0.7))
    before = scored(probability=0.2)
    assert predictions.put(before, as_of=NOW - timedelta(minutes=1)) == 0
    assert predictions.put(before, as_of=NOW) == 1
    assert stored()["probability_1"].to_list() == [0.2]


def test_an_outcome_of_nobody_scored_is_ignored(
    predictions: Predictions, settings: Settings, say: Callable[..., None]
) -> None:
    predictions.put(scored())
    before = versions(settings)
    say(1, user="49179999999")
    assert predictions.label(days(user="49179999999")) == 0
    assert versions(settings) == before


def test_a_new_score_keeps_the_label_that_is_there(
    predictions: Predictions, stored: Callable[[], pl.DataFrame], say: Callable[..., None]
) -> None:
    predictions.put(scored(probability=0.2))
    say(1)
    predictions.label(days())
    predictions.put(scored(probability=0.7))
    assert stored().select("label", "probability_1").rows() == [(1, 0.7)]


def test_a_row_scored_after_its_outcome_came_is_labelled_at_once(
    predictions: Predictions, settings: Settings, stored: Callable[[], pl.DataFrame]
) -> None:
    outcomes = pl.concat([bronze(RIPE, 0, offset=0), bronze(RIPE, 1, offset=1)])
    uri = table_uri(settings.lake_uri, names.BRONZE_OUTCOMES)
    write_deltalake(uri, outcomes.to_arrow())
    predictions.put(scored(day=RIPE))
    assert stored()["label"].to_list() == [1]


def test_what_was_written_is_in_the_change_feed_new_updated_and_labelled(
    predictions: Predictions, settings: Settings, say: Callable[..., None]
) -> None:
    predictions.put(pl.concat([scored(), scored("49170000002")]))
    predictions.put(scored(probability=0.7))
    say(1)
    predictions.label(days())
    feed = changes(table_uri(settings.lake_uri, PREDICTIONS.name), 0).frame
    told = feed.select("User", "label", "features").rows()
    assert sorted(told[:2]) == [("49170000001", None, [0.2]), ("49170000002", None, [0.2])]
    assert told[2:] == [("49170000001", None, [0.7]), ("49170000001", 1, [0.7])]
