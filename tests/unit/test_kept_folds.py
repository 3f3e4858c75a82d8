"""Folds judged before a restart are used after it, unless data, settings or the file changed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pyspark_jobs.training.forests import Shape
from pyspark_jobs.training.kept_folds import FOLDER, KeptFolds

LARGEST = Shape(100, 10, "sqrt", 30)
SMALL = Shape(50, 5, "sqrt", 30)
VOTES = {LARGEST: np.array([0.25, 1 / 3]), SMALL: np.array([0.5, 0.1])}
BASIS = {"tables": {"gold": 3}, "seed": 42}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    KeptFolds(tmp_path, BASIS).put(LARGEST, 1, VOTES)
    return tmp_path


def test_votes_come_back_to_the_last_bit(state: Path) -> None:
    found = KeptFolds(state, BASIS).get(LARGEST, 1, 2)
    assert found is not None
    assert {shape: votes.tolist() for shape, votes in found.items()} == {
        shape: votes.tolist() for shape, votes in VOTES.items()
    }


def test_another_fold_or_another_forest_is_not_taken_for_it(state: Path) -> None:
    kept = KeptFolds(state, BASIS)
    assert kept.get(LARGEST, 2, 2) is None
    assert kept.get(Shape(100, 10, "onethird", 30), 1, 2) is None
    assert kept.get(LARGEST, 1, 3) is None  # a fold of other rows


def test_other_data_is_judged_anew_and_the_old_votes_are_removed(state: Path) -> None:
    assert KeptFolds(state, BASIS | {"seed": 43}).get(LARGEST, 1, 2) is None
    assert list((state / FOLDER).glob("*")) == []


def test_a_file_cut_short_is_judged_anew(state: Path) -> None:
    path = next((state / FOLDER).rglob("*.npz"))
    path.write_bytes(path.read_bytes()[:100])
    assert KeptFolds(state, BASIS).get(LARGEST, 1, 2) is None


def test_without_a_folder_nothing_is_kept(state: Path) -> None:
    kept = KeptFolds(state, BASIS)
    kept.clear()
    assert kept.get(LARGEST, 1, 2) is None
    nowhere = KeptFolds()
    nowhere.put(LARGEST, 1, VOTES)
    assert nowhere.get(LARGEST, 1, 2) is None
