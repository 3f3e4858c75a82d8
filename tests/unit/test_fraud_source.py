from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from flaskapp.fraud import oracle, truth
from flaskapp.fraud.laws import PLANS, SCALED, TEXTS, Laws
from flaskapp.fraud.request import FraudRequest
from flaskapp.fraud.rows import open_rows, read_file
from flaskapp.fraud.world import CardWorld
from lakehouse.domains.fraud.contracts import FEATURES
from lakehouse.domains.fraud.settings import FraudSettings, TruthSettings
from lakehouse.errors import SettingsError, SourceError
from lakehouse.http.requests import InvalidRequestError
from lakehouse.metrics import ScoredLabels

LAWS = Laws.draw(7, accounts=300, rate=0.02)


def auc(world: CardWorld, first: int, count: int) -> float:
    rows = world.rows(first, count)
    label = rows["Class"].cast(pl.Int64).to_numpy()
    return ScoredLabels(oracle.probabilities(world, rows, first), label).pr_auc()


def test_any_part_of_a_world_is_the_same_however_it_is_read() -> None:
    world = CardWorld(LAWS)
    whole = world.rows(0, 3_500)
    assert world.rows(1_234, 1_500).equals(whole[1_234:2_734])
    assert whole["Time"].is_sorted() and (whole["Amount"] >= 0).all()
    assert 0.01 < whole["Class"].mean() < 0.03  # type: ignore[operator]


def test_the_oracle_gives_probabilities_that_come_true() -> None:
    rows = CardWorld(LAWS).rows(0, 60_000)
    known = oracle.probabilities(CardWorld(LAWS), rows)
    label = rows["Class"].to_numpy()
    assert abs(known.sum() / label.sum() - 1) < 0.05
    likely = (known > 0.5) & (known < 0.9)
    assert abs(label[likely].mean() - known[likely].mean()) < 0.08
    assert auc(CardWorld(LAWS), 0, 60_000) > 0.8


def test_truth_that_is_noise_ranks_at_the_base_rate() -> None:
    rows = CardWorld(LAWS).rows(0, 40_000)
    noise = np.random.default_rng(1).permutation(rows["Class"].cast(pl.Int64).to_numpy())
    found = ScoredLabels(oracle.probabilities(CardWorld(LAWS), rows), noise).pr_auc()
    assert found < 2 * noise.mean()


def test_each_plan_changes_the_world_from_its_row_on_and_not_before() -> None:
    assert set(PLANS) == set(TEXTS)
    before = CardWorld(LAWS).rows(0, 4_000)
    for name, change in PLANS.items():
        after = CardWorld(LAWS, change, 1_700).rows(0, 4_000)
        assert after[:1_700].equals(before[:1_700])
        assert after[1_700:].equals(before[1_700:]) == (name == "label_delay")
    scaled = CardWorld(LAWS, PLANS["scaled_feature"], 1_700).rows(1_700, 100)
    assert np.allclose(scaled[SCALED], before[SCALED][1_700:1_800] * 10)


def test_the_oracle_sees_through_a_mistake_and_knows_a_new_pattern() -> None:
    for name in ("scaled_feature", "new_pattern", "seasonal_shift"):
        assert auc(CardWorld(LAWS, PLANS[name], 0), 0, 40_000) > 0.7


EVENTS = pl.DataFrame(
    {
        "message_id": [f"s:{n}" for n in range(20_000)],
        "ingest_ts": [datetime(2026, 6, 1, tzinfo=UTC)] * 20_000,
        "Class": [0, 1] * 10_000,
    },
    schema_overrides={"Class": pl.Int32, "ingest_ts": pl.Datetime("us", "UTC")},
)


def test_truth_comes_later_sometimes_never_and_is_sometimes_corrected() -> None:
    wanted = TruthSettings(least_minutes=5, most_minutes=500, never=0.1, corrected=0.05)
    told = truth.told(EVENTS, wanted, (1, 2))
    minutes = (told["known_at"] - EVENTS["ingest_ts"][0]).dt.total_seconds() / 60
    assert float(minutes.to_numpy().min()) >= 5 and float(minutes.to_numpy().max()) <= 1_000
    assert abs(told["message_id"].n_unique() / 20_000 - 0.9) < 0.01
    assert abs((len(told) - told["message_id"].n_unique()) / 20_000 - 0.05) < 0.01
    last = told.sort("known_at").unique("message_id", keep="last")
    right = last.join(EVENTS, on="message_id")
    assert (right["Class"] == right["Class_right"]).all()
    assert told.equals(truth.told(EVENTS, wanted, (1, 2)))


def card_file(folder: Path, columns: list[str]) -> Path:
    rows = CardWorld(LAWS).rows(0, 50).select(columns)
    rows.write_csv(folder / "creditcard.csv")
    return folder / "creditcard.csv"


def test_a_file_is_read_in_order_with_an_account_for_each_row(tmp_path: Path) -> None:
    path = card_file(tmp_path, ["Time", *FEATURES, "Class"])
    rows = read_file(str(path), FraudSettings())
    assert rows.length == 50
    assert rows.rows(0, 50)["account_number"].str.len_chars().unique().to_list() == [7]
    assert rows.rows(0, 50).equals(read_file(str(path), FraudSettings()).rows(0, 50))
    again = rows.rows(45, 10)
    assert again["Time"].to_list() == [*rows.frame["Time"][45:], *rows.frame["Time"][:5]]


def test_a_file_as_it_was_published_is_read_with_quotes_and_exponents(tmp_path: Path) -> None:
    head = ",".join(f'"{name}"' for name in ["Time", *FEATURES, "Class"])
    rows = [f"{at},{','.join(['0.5'] * 28)},{paid},\"{label}\"" for at, paid, label in
            [("0", "5", 0), ("1e+05", "149.62", 1)]]  # fmt: skip
    path = tmp_path / "creditcard.csv"
    path.write_text("\n".join([head, *rows]) + "\n")
    found = read_file(str(path), FraudSettings()).frame
    assert found.select("Time", "Amount", "Class").rows() == [(0.0, 5.0, 0), (1e5, 149.62, 1)]


def test_a_column_that_only_the_future_fills_never_reaches_an_event(tmp_path: Path) -> None:
    whole = CardWorld(LAWS).rows(0, 50)
    (tmp_path / "plain").mkdir()
    whole.write_csv(tmp_path / "plain" / "creditcard.csv")
    planted = whole.with_columns(charged_back=pl.col("Class"))
    planted.select(sorted(planted.columns)).write_csv(tmp_path / "creditcard.csv")
    found, plain = (
        read_file(str(place / "creditcard.csv"), FraudSettings()).frame
        for place in (tmp_path, tmp_path / "plain")
    )
    assert found.equals(plain)


def test_a_file_without_a_feature_is_refused_by_name(tmp_path: Path) -> None:
    path = card_file(tmp_path, ["Time", *FEATURES[:-3], "Amount", "Class"])
    with pytest.raises(SourceError, match="none called V27"):
        read_file(str(path), FraudSettings())
    with pytest.raises(SourceError, match="a readable CSV file"):
        read_file(str(tmp_path / "nothing.csv"), FraudSettings())


def test_a_drift_needs_the_world(tmp_path: Path) -> None:
    path = card_file(tmp_path, ["Time", *FEATURES, "Class"])
    with pytest.raises(InvalidRequestError, match="rows come from a file"):
        open_rows(FraudSettings(source=str(path)), "new_pattern", 0)
    assert open_rows(FraudSettings(), "new_pattern", 10).name == "world"
    assert FraudRequest().domain == "fraud"


def test_delays_that_contradict_each_other_are_refused() -> None:
    own = FraudSettings(truth=TruthSettings(least_minutes=10, most_minutes=1))
    with pytest.raises(SettingsError, match="least delay not above the greatest"):
        own.check()


def test_features_are_named_as_at_the_source_v1_to_v28_and_amount() -> None:
    assert FEATURES[0] == "V1" and FEATURES[27] == "V28" and FEATURES[28:] == ("Amount",)
