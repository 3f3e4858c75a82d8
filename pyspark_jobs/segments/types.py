"""Types of cards: MLlib's k-means on slow features, kept as centroids.

Which number of types to take is decided by how well segments explain later spending and how little
cards move from week to week, not by how far apart clusters look. The latter is set beside the same
figure of cards without structure.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from pyspark.ml.clustering import KMeans
from pyspark.ml.functions import array_to_vector
from pyspark.sql import SparkSession
from pyspark.sql import functions as f
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score, silhouette_score

from lakehouse.domains.segments.segments import TYPE_FEATURES, Numbers
from lakehouse.models.forest import Floats
from lakehouse.models.kmeans import KMeansModel, KMeansScorer
from lakehouse.portable_math import log1p

STEPS, ROUNDS = 100, 10
NULLS = 5


def fit_types(
    spark: SparkSession, features: pl.DataFrame, count: int, seed: int, rounds: int = ROUNDS
) -> KMeansModel:
    """The best of some k-means runs on the scaled logarithms of the slow features.

    Types are numbered from little to much: by the sum of their scaled centroid.
    """
    logs = _logs(features)
    mean, scale = logs.mean(axis=0), logs.std(axis=0) + 1e-9
    rows = spark.createDataFrame([(row.tolist(),) for row in (logs - mean) / scale], ["values"])
    rows = rows.select(array_to_vector(f.col("values")).alias("features")).cache()
    fitted = [KMeans(k=count, seed=seed + turn, maxIter=STEPS).fit(rows) for turn in range(rounds)]
    best = min(fitted, key=lambda one: float(one.summary.trainingCost))
    rows.unpersist()
    centres = sorted((tuple(map(float, one)) for one in best.clusterCenters()), key=sum)
    return KMeansModel(
        features=TYPE_FEATURES,
        mean=tuple(map(float, mean)),
        scale=tuple(map(float, scale)),
        centroids=tuple(centres),
        names=tuple(f"type {at + 1}" for at in range(count)),
    )


def matched(new: KMeansModel, old: KMeansModel) -> KMeansModel:
    """The new model with its types in the order, and under the names, of the old one's.

    Pairs are chosen so that the distances between their centroids, on the old model's scale, have
    the least sum (Kuhn 1955, the Hungarian method). Types without a partner come last, under new
    names.
    """
    old_mean, old_scale = np.array(old.mean), np.array(old.scale)
    plain = np.array(new.centroids) * np.array(new.scale) + np.array(new.mean)
    ours, theirs = (plain - old_mean) / old_scale, np.array(old.centroids)
    distance = np.linalg.norm(ours[:, None] - theirs[None], axis=2)
    mine, partners = linear_sum_assignment(distance)
    pairs = sorted(zip(partners.tolist(), mine.tolist(), strict=True))
    rest = [at for at in range(len(ours)) if at not in set(mine.tolist())]
    names = [old.names[at] for at, _ in pairs]
    unused = (name for at in range(1, 999) if (name := f"type {at}") not in old.names)
    return KMeansModel(
        features=new.features,
        mean=new.mean,
        scale=new.scale,
        centroids=tuple(new.centroids[at] for at in [*(own for _, own in pairs), *rest]),
        names=(*names, *(next(unused) for _ in rest)),
    )


def assign(model: KMeansModel, features: pl.DataFrame) -> Numbers:
    """The type of each card."""
    values = features.select(model.features).cast(pl.Float64).to_numpy()
    return KMeansScorer(model).score(values).prediction


def explained(cells: Numbers, spent: Floats, later: Numbers, spent_later: Floats) -> float:
    """R2, in later data, of the means by cell of earlier data; a new cell has the overall mean."""
    mean = {one: spent[cells == one].mean() for one in np.unique(cells)}
    guess = np.array([mean.get(one, spent.mean()) for one in later])
    left, all_of_it = ((spent_later - by) ** 2 for by in (guess, spent_later.mean()))
    return float(1 - left.sum() / all_of_it.sum())


def agreement(before: dict[str, int], after: dict[str, int]) -> float:
    """Adjusted Rand index of two weeks' types, over the cards in both (Hubert and Arabie 1985)."""
    both = sorted(before.keys() & after.keys())
    return float(adjusted_rand_score([before[x] for x in both], [after[x] for x in both]))


def gap_to_null(model: KMeansModel, features: pl.DataFrame, seed: int) -> float:
    """How far the silhouette is above that of a crowd without groups.

    The crowd is drawn from one Gaussian with the cards' mean and covariance, and is clustered
    anew in the same number of types; five draws, the median counts.
    """
    from sklearn.cluster import KMeans as InMemory

    scaled = (_logs(features) - np.array(model.mean)) / np.array(model.scale)
    types, rng = assign(model, features), np.random.default_rng(seed)
    nulls = []
    for turn in range(NULLS):
        crowd = rng.multivariate_normal(scaled.mean(axis=0), np.cov(scaled.T), len(scaled))
        again = InMemory(len(model.centroids), n_init=3, random_state=seed + turn)
        nulls.append(silhouette_score(crowd, again.fit_predict(crowd)))
    return float(silhouette_score(scaled, types) - np.median(nulls))


def _logs(features: pl.DataFrame) -> Floats:
    return log1p(features.select(TYPE_FEATURES).cast(pl.Float64).to_numpy())
