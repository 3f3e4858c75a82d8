"""MLlib's random forest, and its trees as the flat arrays that ours are."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa
from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.classification import RandomForestClassifier
from pyspark.ml.feature import VectorAssembler
from pyspark.sql import DataFrame, SparkSession

from lakehouse.models import forest as flat
from lakehouse.models.forest import LEAF, Forest, Integers
from pyspark_jobs.training.forests import Shape

# With the node ids of the rows cached and more memory for a level, a fit takes a third less.
NODE_MEMORY_MB = 512


def fit(rows: DataFrame, features: tuple[str, ...], shape: Shape, seed: int) -> PipelineModel:
    """Fit a pipeline of assembler and forest on rows with the features and `label`."""
    forest = RandomForestClassifier(
        labelCol="label",
        numTrees=shape.trees,
        maxDepth=shape.depth,
        featureSubsetStrategy=shape.features_per_split,
        minInstancesPerNode=shape.min_instances,
        seed=seed,
        cacheNodeIds=True,
        maxMemoryInMB=NODE_MEMORY_MB,
    )
    assembler = VectorAssembler(inputCols=list(features), outputCol="features")
    return Pipeline(stages=[assembler, forest]).fit(rows)


def flatten(spark: SparkSession, fitted: PipelineModel, folder: Path) -> Forest:
    """The trees of a fitted pipeline, by way of MLlib's own files in a new `folder`.

    Asking the JVM node by node would take minutes. MLlib numbers the nodes of a tree from 0; a
    leaf's children are -1.
    """
    fitted.stages[-1].write().save(str(folder))  # type: ignore[attr-defined]
    rows = spark.read.parquet(f"{folder}/data")
    nodes = rows.select("treeID", "nodeData.*").orderBy("treeID", "id").toArrow()
    roots = np.flatnonzero(_column(nodes, "id") == 0)
    start = roots[_column(nodes, "treeID")]
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
