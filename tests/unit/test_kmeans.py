from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from lakehouse.errors import ModelError
from lakehouse.models import kmeans
from lakehouse.models.kmeans import KMeansModel, KMeansScorer
from lakehouse.models.model_kinds import KMEANS, model_kind

GOOD: dict[str, Any] = {
    "features": ["n", "amount"], "mean": [1.0, 2.0], "scale": [0.5, 2.0],
    "centroids": [[-1.0, -1.0], [0.0, 0.0], [2.0, 1.0]], "names": ["few", "some", "many"],
}  # fmt: skip


def model(**changes: Any) -> KMeansModel:
    return kmeans.decode(json.dumps(GOOD | changes).encode())


def test_the_file_reads_back_as_the_same_model_through_its_kind() -> None:
    data = kmeans.encode(model())
    assert kmeans.decode(data) == model()
    scorer = model_kind(KMEANS).load(data, {})
    assert scorer.features == ("n", "amount")


def test_a_row_goes_to_the_nearest_centroid_of_a_second_implementation() -> None:
    rng = np.random.default_rng(0)
    rows = np.expm1(rng.normal(1.5, 1.0, size=(500, 2)).clip(0))
    found = KMeansScorer(model()).score(rows)
    scaled = (np.log1p(rows) - [1.0, 2.0]) / [0.5, 2.0]
    apart = np.linalg.norm(scaled[:, None] - np.array(GOOD["centroids"]), axis=2)
    assert found.prediction.tolist() == apart.argmin(axis=1).tolist()
    assert np.allclose(found.raw, apart.min(axis=1))
    assert set(found.prediction.tolist()) == {0, 1, 2}


def test_a_row_on_a_centroid_is_clear_and_one_half_way_is_not() -> None:
    on, half_way = np.expm1([1.0, 2.0]), np.expm1([0.75, 1.0])
    clear = KMeansScorer(model()).score(np.array([on, half_way])).probability
    assert clear.tolist() == pytest.approx([1.0, 0.5])


def test_a_missing_value_counts_as_the_mean_and_one_below_zero_as_zero() -> None:
    scorer = KMeansScorer(model())
    assert scorer.score(np.array([[np.nan, np.nan]])).prediction.tolist() == [1]
    below, zero = (scorer.score(np.array([[x, x]])).raw.tolist() for x in (-5.0, 0.0))
    assert below == zero


CHANGES: list[dict[str, Any]] = [
    {"features": []}, {"features": ["n", "n"]}, {"centroids": []}, {"mean": [1.0]},
    {"centroids": [[0.0], [0.0], [0.0]]}, {"names": ["few", "few", "many"]}, {"names": ["few"]},
    {"names": ["few", "some", "many", "many"]}, {"scale": [0.0, 1.0]}, {"scale": [-1.0, 1.0]},
    {"mean": [float("nan"), 0.0]}, {"code": "__import__('os')"}, {"features": [1, 2]},
    {"centroids": [[0.0, float("inf")], [0.0, 0.0], [1.0, 1.0]]},
]  # fmt: skip


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{}", b"\x80\x04cos\nsystem\n.", b"[" * 100_000, b"\xff\xfe",
        b" " * (kmeans.MAX_BYTES + 1), json.dumps([GOOD]).encode(),
        *(json.dumps(GOOD | changes).encode() for changes in CHANGES),
    ],
    ids=lambda data: data[:40].decode("latin-1").replace("\x00", ""),
)  # fmt: skip
def test_any_other_file_is_refused(data: bytes) -> None:
    with pytest.raises(ModelError):
        kmeans.decode(data)


def test_details_in_the_manifest_are_refused() -> None:
    with pytest.raises(ModelError, match="details"):
        kmeans.load(kmeans.encode(model()), {"more": 1})
