"""Recall from sampled verifications: right with the weights, wrong without them."""

from __future__ import annotations

import numpy as np

from flaskapp.cards.record import is_drawn, verify_chance
from lakehouse.domains.cards.estimate import Verified, precision, recall

RUNS, ROWS, SHARE, THRESHOLD = 100, 20_000, 0.02, 0.5


def verified(seed: int) -> tuple[float, list[Verified]]:
    """The true recall of one run, and what investigators see of it."""
    rng = np.random.default_rng(seed)
    fraud = rng.random(ROWS) < 0.03
    score = np.where(fraud, rng.beta(2.0, 2.0, ROWS), rng.beta(1.0, 12.0, ROWS))
    flagged = score >= THRESHOLD
    seen = []
    for number in np.flatnonzero(fraud):  # recall depends on frauds alone
        chance = verify_chance(bool(flagged[number]), float(score[number]), SHARE)
        if is_drawn(f"{seed}-{number}", chance):
            seen.append(Verified(bool(flagged[number]), bool(fraud[number]), chance))
    return float((fraud & flagged).sum() / fraud.sum()), seen


def test_recall_is_estimated_within_two_standard_errors() -> None:
    right, naive = 0, []
    for seed in range(RUNS):
        truth, seen = verified(seed)
        found = recall(seen)
        right += abs(found.value - truth) <= 2 * found.error
        naive.append(sum(one.flagged for one in seen) / len(seen) - truth)
    assert right >= 93
    assert min(naive) > 0.3  # without the weights recall looks far too good, every time


def test_precision_is_that_of_the_flagged() -> None:
    rows = [Verified(True, True, 1.0)] * 3 + [
        Verified(True, False, 1.0),
        Verified(False, True, 0.1),
    ]
    assert precision(rows).value == 0.75
    assert np.isnan(precision([]).value)
    assert np.isnan(recall([]).value)
