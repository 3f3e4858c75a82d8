from __future__ import annotations

import json
from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest

from lakehouse.domains.cdr.domain import CHURN
from lakehouse.errors import ModelError
from lakehouse.models.calibration import Calibration
from lakehouse.models.forest import LEAF, from_nodes
from lakehouse.models.forest_model import ForestModel
from lakehouse.models.forest_scorer import ForestScorer
from lakehouse.models.scoring import matrix, reasons, score_frame
from lakehouse.models.stored_features import features_of, reasons_of, spoken, unpacked

L = LEAF
FEATURES = ("days_silent", "calls", "texts", "volume")


def scorer() -> ForestScorer:
    """Silence raises the vote from 0.3 to 0.8, few calls from there to 0.9."""
    forest = from_nodes(
        np.array([0]),
        np.array([0, 0, 1, 0, 0]),
        np.array([2.0, 0, 5.0, 0, 0]),
        np.array([[1, 2], [L, L], [3, 4], [L, L], [L, L]]),
        np.array([0.3, 0.1, 0.8, 0.9, 0.6]),
    )
    return ForestScorer(ForestModel(FEATURES, forest, Calibration(1.0, 0.0), 0.5))


def gold(days_silent: list[float], calls: list[int]) -> pl.DataFrame:
    rows = len(calls)
    return pl.DataFrame(
        {
            "User": [f"4917000000{i}" for i in range(rows)],
            "Date": [date(2026, 3, 1)] * rows,
            "last_emitted_at": [datetime(2026, 3, 1, 12, tzinfo=UTC)] * rows,
            "volume": [0.1 + 0.2] * rows,
            "texts": [0.0] * rows,
            "calls": calls,
            "days_silent": days_silent,
        }
    )


def test_a_row_of_gold_becomes_a_row_of_predictions() -> None:
    scored = score_frame(scorer(), gold([0.0, 4.0], [9, 2]), CHURN)
    assert scored["prediction"].to_list() == [0, 1]
    assert scored["probability_1"].to_list() == pytest.approx([0.1, 0.9])
    assert (scored["probability_0"] + scored["probability_1"]).to_list() == [1.0, 1.0]
    assert scored["rawPrediction_1"].to_list() == pytest.approx([0.1, 0.9])
    assert (scored["rawPrediction_0"] + scored["rawPrediction_1"]).to_list() == [1.0, 1.0]
    assert scored["last_emitted_at"].null_count() == 0


def test_features_are_kept_in_the_models_order_and_to_the_last_bit() -> None:
    row = score_frame(scorer(), gold([0.0], [9]), CHURN).to_dicts()[0]
    assert row["feature_names"] == ",".join(FEATURES)
    kept = features_of(row)
    assert tuple(kept) == FEATURES
    assert kept["volume"] == 0.1 + 0.2


def test_stored_features_are_unpacked_by_name_whatever_the_models_order() -> None:
    rows = score_frame(scorer(), gold([1.0, 2.0], [9, 8]), CHURN)
    other = rows.with_columns(feature_names=pl.lit("calls,days_silent,texts,volume"))
    found = unpacked(pl.concat([rows, other]), ("calls", "days_silent"))
    assert found.tolist() == [[9.0, 1.0], [8.0, 2.0], [1.0, 9.0], [2.0, 8.0]]


def test_published_rows_have_features_and_reasons_as_json() -> None:
    rows = score_frame(scorer(), gold([4.0, float("nan")], [2, 9]), CHURN)
    found = spoken(rows)
    assert json.loads(found["features_str"][0]) == features_of(rows.to_dicts()[0])
    assert json.loads(found["features_str"][1])["days_silent"] is None
    assert json.loads(found["reasons"][0]) == reasons_of(rows.to_dicts()[0])
    assert not {"features", "feature_names", "reason_1"} & set(found.columns)
    assert spoken(rows.clear()).columns == found.columns


def test_a_model_that_gives_no_reasons_publishes_none() -> None:
    nothing = [pl.lit(None).cast(pl.String).alias(f"reason_{rank}") for rank in (1, 2, 3)]
    rows = score_frame(scorer(), gold([4.0], [2]), CHURN).with_columns(nothing)
    assert spoken(rows)["reasons"].to_list() == [None]


def test_the_strongest_reasons_name_feature_value_and_direction() -> None:
    found = reasons_of(score_frame(scorer(), gold([4.0], [2]), CHURN).to_dicts()[0])
    assert found[:2] == [
        {"feature": "days_silent", "value": 4.0, "direction": "raises"},
        {"feature": "calls", "value": 2.0, "direction": "raises"},
    ]
    assert len(found) == 3
    found = reasons_of(score_frame(scorer(), gold([4.0], [9]), CHURN).to_dicts()[0])
    assert found[1] == {"feature": "calls", "value": 9.0, "direction": "lowers"}


def test_reasons_as_json_are_those_of_the_columns() -> None:
    frame = gold([4.0, 0.0], [2, 9])
    rows = score_frame(scorer(), frame, CHURN).to_dicts()
    texts = reasons(scorer(), matrix(frame, FEATURES))
    assert [json.loads(text) for text in texts] == [reasons_of(row) for row in rows]


def test_one_row_has_the_probability_that_it_has_among_many() -> None:
    many = np.random.default_rng(0).normal(scale=4, size=(500, len(FEATURES)))
    many[::9, 0] = np.nan
    one_by_one = [scorer().probability(row) for row in many]
    assert np.abs(scorer().score(many).probability - one_by_one).max() < 1e-15


def test_no_rows_give_no_rows() -> None:
    assert score_frame(scorer(), gold([], []), CHURN).is_empty()


def test_a_missing_feature_is_named() -> None:
    with pytest.raises(ModelError, match=r"none called \['volume'\]"):
        matrix(gold([0.0], [1]).drop("volume"), FEATURES)
