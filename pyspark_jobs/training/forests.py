"""MLlib's random forest: how it is fitted, and how it is exported as flat arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import pyarrow as pa
from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.classification import (
    LogisticRegression,
    LogisticRegressionModel,
    RandomForestClassificationModel,
    RandomForestClassifier,
)
from pyspark.ml.feature import VectorAssembler
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f

from lakehouse.models import forest as flat
from lakehouse.models.forest import LEAF, Floats, Forest, Integers
from pyspark_jobs.engine import readers
from pyspark_jobs.training.scratch import scratch_folder

# With the node ids of the rows cached, a level does not walk each row down from the root again:
# a third of the time. The memory lets a level of all trees be one pass over the data.
_NODE_MEMORY_MB = 512
_LINEAR_STEPS = 25
_LINEAR_PENALTY = 1e-3


@dataclass(frozen=True)
class Shape:
    """Hyper-parameters of a forest."""

    trees: int
    depth: int
    features_per_split: str
    min_instances: int


def fit_forest(
    rows: DataFrame, features: tuple[str, ...], shape: Shape, seed: int
) -> PipelineModel:
    """Fit a pipeline of assembler and forest on rows with the features, `label` and `weight`."""
    return pipeline(features, classifier(shape, seed)).fit(rows)


def classifier(shape: Shape, seed: int) -> RandomForestClassifier:
    """MLlib's forest of a given shape, with the settings that determine its speed."""
    return RandomForestClassifier(
        labelCol="label",
        weightCol="weight",
        numTrees=shape.trees,
        maxDepth=shape.depth,
        featureSubsetStrategy=shape.features_per_split,
        minInstancesPerNode=shape.min_instances,
        seed=seed,
        cacheNodeIds=True,
        maxMemoryInMB=_NODE_MEMORY_MB,
    )


def fit_logistic(rows: DataFrame, features: tuple[str, ...]) -> tuple[Floats, float]:
    """Coefficients and intercept of a logistic regression on the same rows."""
    linear = LogisticRegression(
        labelCol="label", weightCol="weight", maxIter=_LINEAR_STEPS, regParam=_LINEAR_PENALTY
    )
    fitted = cast(LogisticRegressionModel, pipeline(features, linear).fit(rows).stages[-1])
    return fitted.coefficients.toArray(), float(fitted.intercept)


def with_class_weight(rows: DataFrame, negatives: int, positives: int) -> DataFrame:
    """Add `weight`, which gives both classes the same weight and a row a weight of 1 on average."""
    total = negatives + positives
    of_negative, of_positive = total / (2 * negatives), total / (2 * positives)
    weight = f.when(f.col("label") == 1, of_positive).otherwise(of_negative)
    return rows.withColumn("weight", weight)


def flatten(spark: SparkSession, fitted: PipelineModel, scratch_uri: str) -> Forest:
    """The forest of a fitted pipeline as arrays.

    The nodes are exported through MLlib's own Parquet file below `scratch_uri` (reachable from all
    executors), because asking the JVM node by node would take minutes.
    """
    model = cast(RandomForestClassificationModel, fitted.stages[-1])
    with scratch_folder(spark, scratch_uri) as place:
        model.write().save(place)
        nodes = readers.read_parquet(spark, f"{place}/data")
        table = nodes.select("treeID", "nodeData.*").orderBy("treeID", "id").toArrow()
    return _from_nodes(table)


def _from_nodes(nodes: pa.Table) -> Forest:
    """MLlib numbers the nodes of a tree from 0; a leaf's children are -1."""
    tree, number = _column(nodes, "treeID"), _column(nodes, "id")
    roots = np.flatnonzero(number == 0)
    start = roots[tree]
    children = [_column(nodes, side) for side in ("leftChild", "rightChild")]
    placed = [np.where(side < 0, LEAF, side + start) for side in children]
    stats = np.stack(nodes["impurityStats"].combine_chunks().to_numpy(zero_copy_only=False))
    split = nodes["split"].combine_chunks()
    thresholds = split.field("leftCategoriesOrThreshold")
    return flat.from_nodes(
        roots,
        split.field("featureIndex").to_numpy(zero_copy_only=False).astype(np.int64),
        np.array([each[0] if each else 0.0 for each in thresholds.to_pylist()]),
        np.stack(placed, axis=1),
        stats[:, 1] / stats.sum(axis=1),
    ).with_questions()


def _column(nodes: pa.Table, name: str) -> Integers:
    return cast(Integers, nodes[name].to_numpy().astype(np.int64))


def pipeline(
    features: tuple[str, ...], last: RandomForestClassifier | LogisticRegression
) -> Pipeline:
    """Assembler and classifier."""
    assembler = VectorAssembler(inputCols=list(features), outputCol="features")
    return Pipeline(stages=[assembler, last])
