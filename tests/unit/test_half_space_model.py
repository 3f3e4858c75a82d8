from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from lakehouse.errors import ModelError
from lakehouse.models import half_space_model
from lakehouse.models.half_space_model import Curve, HalfSpaceScorer
from lakehouse.models.half_space_trees import HalfSpaceTrees, TreeShape
from lakehouse.models.model_kinds import HALF_SPACE, model_kind

NAMES = ("a", "b", "c")
RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(500, 3))
ROWS[RNG.random(ROWS.shape) < 0.1] = np.nan
TREES = HalfSpaceTrees.grow(NAMES, TreeShape(7, 4, 60), 42).score_and_learn(ROWS)[1]
MODEL = half_space_model.frozen(TREES, Curve(8.0, -6.0, 0.4))


def test_a_frozen_snapshot_scores_as_the_trees_did() -> None:
    scorer = model_kind(HALF_SPACE).load(half_space_model.encode(MODEL), {})
    scores = scorer.score(ROWS)
    assert scores.raw.tolist() == TREES.score(ROWS).tolist()
    assert np.allclose(scores.probability, 1 / (1 + np.exp(6 - 8 * scores.raw)), rtol=1e-12)
    assert scores.prediction.tolist() == (scores.probability >= 0.4).astype(int).tolist()
    assert scorer.contributions(ROWS) is None


def test_the_file_reads_back_as_the_same_model() -> None:
    assert half_space_model.decode(half_space_model.encode(MODEL)) == MODEL


def test_the_curve_gives_the_rate_of_positives() -> None:
    rng = np.random.default_rng(1)
    scores = rng.random(20_000)
    label = (rng.random(20_000) < 1 / (1 + np.exp(-(10 * scores - 8)))).astype(int)
    curve = half_space_model.fit_curve(scores, label)
    assert abs(curve.slope - 10) < 0.6 and abs(curve.offset + 8) < 0.6


def test_trees_without_a_full_window_cannot_be_frozen() -> None:
    with pytest.raises(ModelError, match="window of 0"):
        half_space_model.frozen(
            HalfSpaceTrees.grow(NAMES, TreeShape(2, 2, 9), 1).widened(np.zeros(3), np.ones(3)),
            Curve(1.0, 0.0, 0.5),
        )


GOOD: dict[str, Any] = json.loads(half_space_model.encode(MODEL))
CHANGES: list[dict[str, Any]] = [
    {"threshold": 1.5}, {"slope": -1.0}, {"slope": float("nan")}, {"offset": 1e999},
    {"height": 0}, {"height": 5}, {"height": 10_000_000_000}, {"window": 0}, {"window": 2**60},
    {"split": GOOD["split"][:-1]}, {"split": [9, *GOOD["split"][1:]]},
    {"split": [-1, *GOOD["split"][1:]]}, {"right": [2, *GOOD["right"][1:]]},
    {"mass": [-1, *GOOD["mass"][1:]]}, {"mass": [10**6, *GOOD["mass"][1:]]}, {"mass": []},
    {"low": [1e9, 0.0, 0.0]}, {"low": [0.0]}, {"at": ["x", *GOOD["at"][1:]]},
    {"features": []}, {"features": ["a", "a", "b"]}, {"code": "__import__('os')"},
]  # fmt: skip


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{}", b"not json", b"\x80\x04cos\nsystem\n.", b"[" * 100_000, b"\xff\xfe",
        json.dumps([GOOD]).encode(),
        *(json.dumps(GOOD | changes).encode() for changes in CHANGES),
    ],
    ids=lambda data: data[:20].decode("latin-1").replace("\x00", ""),
)  # fmt: skip
def test_any_other_file_is_refused(data: bytes) -> None:
    with pytest.raises(ModelError):
        half_space_model.decode(data)


def test_details_in_the_manifest_are_refused() -> None:
    with pytest.raises(ModelError, match="details"):
        half_space_model.load(half_space_model.encode(MODEL), {"trees": 7})


def test_a_scorer_knows_its_features_and_threshold() -> None:
    scorer = HalfSpaceScorer(MODEL)
    assert (scorer.features, scorer.threshold) == (NAMES, 0.4)
