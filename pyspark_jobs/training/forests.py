"""A random forest grown in Spark's tasks: each grows some of the trees, with scikit-learn.

The result is the forest that one `RandomForestClassifier` of the same seed grows, to the last bit,
however many tasks it was cut into.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeVar, cast

import numpy as np
import polars as pl
import pyarrow as pa
from pyspark import Broadcast, inheritable_thread_target
from pyspark.sql import SparkSession
from sklearn.ensemble import RandomForestClassifier

from lakehouse.errors import ModelError
from lakehouse.models import forest as flat
from lakehouse.models.forest import LEAF, Forest
from pyspark_jobs.training.bins import Cuts
from pyspark_jobs.training.split import Fold
from pyspark_jobs.training.train_rows import TrainRows

T = TypeVar("T")
# More than one a core, so that a slow or busy core does not keep the others waiting for long.
TASKS_PER_CORE = 4
_SHARES: dict[str, str | float | None] = {
    "sqrt": "sqrt",
    "log2": "log2",
    "onethird": 1 / 3,
    "all": None,
}
_TREE = pa.schema(
    [
        ("tree", pa.int32()),
        ("feature", pa.list_(pa.int32())),
        ("cut", pa.list_(pa.int32())),
        ("left", pa.list_(pa.int32())),
        ("right", pa.list_(pa.int32())),
        ("value", pa.list_(pa.float64())),
    ]
)
_SCHEMA = (
    "tree int, feature array<int>, cut array<int>, left array<int>, right array<int>, "
    "value array<double>"
)


@dataclass(frozen=True)
class Shape:
    """Hyper-parameters of a forest.

    `features_per_split` is `sqrt`, `log2`, `onethird`, `all`, a number of features or a share.
    """

    trees: int
    depth: int
    features_per_split: str
    min_instances: int


class Grower:
    """Grows forests from one set of train rows, which every Python worker gets once.

    Forests may be asked for from several threads at once; Spark then fills its cores with the
    trees of all of them.
    """

    def __init__(self, spark: SparkSession, rows: TrainRows) -> None:
        self._spark, self._cuts = spark, rows.cuts
        self._rows = spark.sparkContext.broadcast(rows)

    def __enter__(self) -> Grower:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.close()

    @property
    def cores(self) -> int:
        """How many tasks Spark runs at a time."""
        return self._spark.sparkContext.defaultParallelism

    def tasks(self, shape: Shape) -> int:
        """Into how many tasks a forest is cut."""
        return min(shape.trees, TASKS_PER_CORE * self.cores)

    def in_a_thread(self, work: Callable[[], T]) -> Callable[[], T]:
        """The same work for another thread, whose Spark jobs are then cancelled with our own."""
        return cast(Callable[[], T], inheritable_thread_target(self._spark)(work))

    def grow(self, shape: Shape, fold: Fold, seed: int) -> Forest:
        """A forest fitted on the rows of a fold, with both classes weighted equally."""
        tasks = self.tasks(shape)
        firsts = np.linspace(0, shape.trees, tasks + 1).astype(int).tolist()
        work = _work(self._rows, shape, fold, seed, firsts)
        trees = self._spark.range(0, tasks, 1, tasks).mapInArrow(work, _SCHEMA).toArrow()
        return _assembled(pl.DataFrame(trees).sort("tree"), self._cuts)

    def close(self) -> None:
        """Free the workers' copies of the rows."""
        self._rows.destroy()


def classifier(shape: Shape, seed: int, first: int = 0, last: int | None = None) -> Any:
    """The estimator that grows the trees `first` to `last` (exclusive) of a forest.

    A forest draws one number for the seed of each tree, in order; those of earlier trees are drawn
    and left aside, as scikit-learn does when it adds trees to a forest (`warm_start`).
    """
    random = np.random.RandomState(seed)
    random.randint(np.iinfo(np.int32).max, size=first)
    return RandomForestClassifier(
        (shape.trees if last is None else last) - first,
        max_depth=shape.depth,
        min_samples_leaf=shape.min_instances,
        max_features=_max_features(shape.features_per_split),
        class_weight="balanced",
        random_state=random,
    )


def _work(
    rows: Broadcast[TrainRows], shape: Shape, fold: Fold, seed: int, firsts: list[int]
) -> Any:
    """The function of a task: for each number it is given, that share of the forest's trees."""

    def grow(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for number in batch["id"].to_pylist():
                chosen = rows.value.of(fold)
                some = classifier(shape, seed, firsts[number], firsts[number + 1])
                some.fit(chosen.bins.astype(np.float32), chosen.label)
                yield _told(some, firsts[number])

    return grow


def _told(fitted: RandomForestClassifier, first: int) -> pa.RecordBatch:
    """A row of flat arrays for each tree; thresholds lie between two bins, and become cuts."""
    rows = []
    for number, each in enumerate(fitted.estimators_, first):
        tree = each.tree_
        rows.append(
            {
                "tree": number,
                "feature": tree.feature,
                "cut": np.floor(tree.threshold).astype(np.int32),
                "left": tree.children_left,
                "right": tree.children_right,
                "value": tree.value[:, 0, 1],
            }
        )
    return pa.RecordBatch.from_pylist(rows, schema=_TREE)


def _assembled(trees: pl.DataFrame, cuts: Cuts) -> Forest:
    """The trees one after the other, with the thresholds of the values themselves."""
    sizes = trees["feature"].list.len().cast(pl.Int64).to_numpy()
    roots = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    start = np.repeat(roots, sizes)
    feature, cut, left, right = (
        trees[name].explode().cast(pl.Int64).to_numpy()
        for name in ("feature", "cut", "left", "right")
    )
    inner = left != LEAF
    threshold = np.zeros(len(feature))
    for number, edges in enumerate(cuts):
        asked = inner & (feature == number)
        threshold[asked] = edges[cut[asked]]
    children = [np.where(inner, side + start, LEAF) for side in (left, right)]
    value = trees["value"].explode().to_numpy()
    nodes = flat.from_nodes(roots, feature, threshold, np.stack(children, axis=1), value)
    return nodes.with_questions()


def _max_features(told: str) -> str | float | int | None:
    """What scikit-learn calls it. Raises `ModelError` for what is neither a name nor a number."""
    if told in _SHARES:
        return _SHARES[told]
    try:
        return int(told) if told.isdigit() else float(told)
    except ValueError:
        known = f"one of {', '.join(_SHARES)}, a number or a share"
        raise ModelError(
            "settings, model.features_per_split", known, repr(told), "correct the settings"
        ) from None
