from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.spark.model_site import (
    TRAIN_DAYS,
    USERS,
    Data,
    Site,
    noise,
    telling,
)

Trained = Callable[[Data], Site]


def test_features_that_are_noise_give_no_better_than_chance(trained: Trained) -> None:
    roc_auc = trained(noise()).result.figures.interval("roc_auc")
    assert roc_auc.low < 0.5 < roc_auc.high


def test_shuffled_labels_give_no_better_than_chance(trained: Trained) -> None:
    data = telling()
    shuffled = np.random.default_rng(8).permutation(data.label)
    roc_auc = trained(Data(data.rows, shuffled)).result.figures.interval("roc_auc")
    assert roc_auc.low < 0.5 < roc_auc.high


def test_a_feature_filled_in_from_the_future_earns_nothing(trained: Trained) -> None:
    """Whoever fills a column afterwards knows the outcome of old rows, and not of new ones."""
    data = noise()
    rng = np.random.default_rng(5)
    known = data.day < TRAIN_DAYS
    leak = np.where(known, data.label, rng.integers(0, 2, len(known))).astype(float)
    site = trained(data.with_column("weekday_share", leak))
    folds = site.registry.load(site.result.version).manifest.params["roc_auc_over_folds"]
    assert ": 1.0000" in folds
    roc_auc = site.result.figures.interval("roc_auc")
    assert roc_auc.low < 0.5 < roc_auc.high


def test_a_fingerprint_of_the_subscriber_earns_nothing(trained: Trained) -> None:
    """Labels of neighbouring days overlap; only the embargo keeps their echo out of the test."""
    data = noise()
    rng = np.random.default_rng(6)
    before, after = rng.integers(0, 2, (2, USERS))
    label = np.where(data.day < TRAIN_DAYS + 1, before[data.user], after[data.user])
    fingerprint = Data(data.rows, label).with_column("weekday_share", rng.random(USERS)[data.user])
    site = trained(fingerprint)
    roc_auc = site.result.figures.interval("roc_auc")
    assert roc_auc.low < 0.5 < roc_auc.high
