"""Drift injected into rows: each kind is what it says, and is found or missed as counted."""

from __future__ import annotations

import numpy as np
import pytest

from bench.quality_page import real_rows_of, with_real_rows
from bench.real_drift import (
    CHUNKS,
    STEADY,
    Score,
    Trial,
    class_prior,
    feature_filtering,
    feature_permutation,
    label_swap,
    scores,
    trials,
)
from bench.real_drift_page import section
from bench.real_rows import RealRows, made


@pytest.fixture(scope="module")
def rows() -> RealRows:
    return made()


def test_the_kinds_change_what_they_name(rows: RealRows) -> None:
    rng = np.random.default_rng(1)
    features, label = rows.stream
    prior = class_prior(rows, rng).weight
    assert prior[label == 1].min() == 3 * prior[label == 0].max()
    order = feature_permutation(rows, rng).order
    assert sorted(order) == [0, 1, 2, 3]
    assert order != sorted(order)
    assert label_swap(rows, rng).swapped > 0
    kept = feature_filtering(rows, rng).weight
    assert 0.4 < kept.mean() < 0.6
    assert len(features) == len(kept)


def test_findings_before_the_drift_are_false_and_the_first_one_in_it_is_the_hit() -> None:
    score = Score()
    score.add(Trial("label swap", "abrupt", 14, (3, 15, 20)))
    score.add(Trial("label swap", "abrupt", 14, ()))
    score.add(Trial(STEADY, "abrupt", None, (5,)))
    assert (score.hits, score.misses, score.false) == (1, 1, 2)
    assert score.f1 == pytest.approx(2 / 5)
    assert score.delays == [1 / (CHUNKS - 14)]


def test_a_drift_in_real_rows_is_found_graded_and_written_down(rows: RealRows) -> None:
    kind = "feature permutation"
    found = list(trials(rows, 1, kinds=(kind,)))
    counted = scores(found)
    assert [*counted] == [(STEADY, "abrupt"), (kind, "abrupt"), (kind, "gradual")]
    assert counted[kind, "abrupt"].hits == 1
    text = section({"made": (rows, found)})
    page = "# Title\n\nWorlds.\n"
    once = with_real_rows(page, text)
    assert with_real_rows(once, text) == once
    assert real_rows_of(once).strip() == text.strip()
    assert real_rows_of(page) == ""
