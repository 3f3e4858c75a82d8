"""Types without an engine: how they are matched, judged, and spoken of."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
import polars as pl
import pytest
from sklearn.cluster import KMeans

from lakehouse.domains.segments.segments import TYPE_FEATURES
from lakehouse.domains.segments.structure import claim
from lakehouse.models.kmeans import KMeansModel
from pyspark_jobs.segments import types

Rng = np.random.Generator
Crowd = Callable[[Rng], pl.DataFrame]


def fitted(features: pl.DataFrame, count: int = 3) -> KMeansModel:
    """Types found in memory."""
    logs = np.log1p(features.select(TYPE_FEATURES).to_numpy())
    mean, scale = logs.mean(axis=0), logs.std(axis=0)
    found = KMeans(count, n_init=5, random_state=0).fit((logs - mean) / scale)
    centres = sorted((tuple(map(float, one)) for one in found.cluster_centers_), key=sum)
    return KMeansModel(
        features=TYPE_FEATURES, mean=tuple(map(float, mean)), scale=tuple(map(float, scale)),
        centroids=tuple(centres), names=tuple(f"type {n + 1}" for n in range(count)),
    )  # fmt: skip


def groups(rng: Rng) -> pl.DataFrame:
    """Three separate kinds of cards."""
    logs = np.repeat([[1.0, 3.0, 0.5], [3.0, 6.0, 2.0], [5.0, 9.0, 3.5]], 250, axis=0)
    return frame(np.expm1(logs + rng.normal(0, 0.3, logs.shape)))


def shuffled(rng: Rng) -> pl.DataFrame:
    """Heavy-tailed values, and nothing that binds those of a card together."""
    return frame(np.expm1(rng.gamma(9.0, 0.4, (750, 3))))


def gaussian(rng: Rng) -> pl.DataFrame:
    spread = [[1.0, 0.8, 0.7], [0.8, 1.0, 0.6], [0.7, 0.6, 1.0]]
    return frame(np.expm1(rng.multivariate_normal([4.0, 7.0, 4.0], spread, 750).clip(0)))


def frame(values: np.ndarray) -> pl.DataFrame:
    return pl.DataFrame(dict(zip(TYPE_FEATURES, values.T, strict=True)))


def test_groups_are_claimed_where_there_are_some() -> None:
    features = groups(np.random.default_rng(0))
    gap = types.gap_to_null(fitted(features), features, seed=1)
    assert claim(gap).startswith("groups")


@pytest.mark.parametrize("crowd", [shuffled, gaussian])
@pytest.mark.parametrize("count", [3, 4])
def test_none_are_claimed_in_a_featureless_crowd(crowd: Crowd, count: int) -> None:
    features = crowd(np.random.default_rng(1))
    gap = types.gap_to_null(fitted(features, count), features, seed=1)
    assert claim(gap).startswith("no separate groups: cuts of a continuum")


def test_types_found_again_keep_order_and_names() -> None:
    model = fitted(groups(np.random.default_rng(0)))
    turned = msgspec.structs.replace(model, centroids=model.centroids[::-1], names=("a", "b", "c"))
    again = types.matched(turned, model)
    assert (again.centroids, again.names) == (model.centroids, model.names)


def test_matching_looks_at_values_and_not_at_each_versions_scale() -> None:
    old = fitted(groups(np.random.default_rng(0)))
    more = groups(np.random.default_rng(1)).filter(pl.col("n") > 6)
    new = fitted(pl.concat([more, groups(np.random.default_rng(2)).head(100)]))
    both = groups(np.random.default_rng(3))
    turned = msgspec.structs.replace(new, centroids=new.centroids[::-1])
    assert types.assign(types.matched(turned, old), both).tolist() == (
        types.assign(old, both).tolist()
    )


def test_a_type_without_a_partner_comes_last_under_a_new_name() -> None:
    features = groups(np.random.default_rng(0))
    old = fitted(features)
    new = types.matched(fitted(features, 4), old)
    assert new.names == ("type 1", "type 2", "type 3", "type 4")
    fewer = types.matched(fitted(features, 2), old)
    assert set(fewer.names) < set(old.names)


def test_cells_that_say_everything_explain_everything_and_a_new_one_the_mean() -> None:
    cells, spent = np.array([0, 0, 1, 1], np.int32), np.array([1.0, 1.0, 3.0, 3.0])
    assert types.explained(cells, spent, cells, spent) == 1.0
    assert types.explained(cells, spent, np.full(4, 7, np.int32), spent) == 0.0


def test_agreement_is_over_the_cards_of_both_weeks() -> None:
    before = {"a": 0, "b": 0, "c": 1, "d": 1, "gone": 2}
    assert types.agreement(before, {"a": 5, "b": 5, "c": 3, "d": 3, "new": 1}) == 1.0
