"""Decided and scored in the lake: the same features and the same scores, to the bit.

Every decision in bronze is held against the features in gold, and its score against the score that
its own version gives to them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as f

from lakehouse.domains.cards import features, names
from lakehouse.domains.settings import Settings
from lakehouse.models.model_kinds import model_kind
from lakehouse.names import table_uri
from lakehouse.registry import Registry
from pyspark_jobs.engine import readers

_FOUND = "trans_num string, same_features boolean, same_score boolean"
SAMPLES = 5
Batches = Iterator[pa.RecordBatch]


@dataclass(frozen=True)
class Parity:
    """How many decisions were compared, and how many differ, with some of their ids.

    `undecided` transactions have features and no decision.
    """

    compared: int
    other_features: int
    other_scores: int
    undecided: int
    samples: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether every decision was found again."""
        return not (self.other_features or self.other_scores)


def compare(spark: SparkSession, settings: Settings, registry: Registry) -> Parity:
    """Score the lake's features with the versions that decided, and compare with the decisions."""
    decisions = first_decisions(
        readers.read_table(spark, table_uri(settings.lake_uri, names.BRONZE_DECISIONS))
    )
    gold = readers.read_table(spark, table_uri(settings.lake_uri, names.GOLD_FEATURES))
    recomputed = gold.select("trans_num", f.array(*features.NAMES).alias("recomputed"))
    both = decisions.join(recomputed, "trans_num", "inner").persist()
    try:
        versions = both.select("model_version").distinct().collect()
        found = [_of_version(both, registry, int(row["model_version"])) for row in versions]
        undecided = recomputed.join(decisions, "trans_num", "anti").count()
    finally:
        both.unpersist()
    return Parity(
        compared=sum(one.compared for one in found),
        other_features=sum(one.other_features for one in found),
        other_scores=sum(one.other_scores for one in found),
        undecided=undecided,
        samples=tuple(name for one in found for name in one.samples)[:SAMPLES],
    )


def _of_version(both: DataFrame, registry: Registry, version: int) -> Parity:
    mine = both.where(f.col("model_version") == version)
    found = mine.mapInArrow(_comparison(registry, version), _FOUND).persist()
    same_features, same_score = f.col("same_features"), f.col("same_score")
    counted = found.agg(
        f.count("*").alias("compared"),
        f.count_if(~same_features).alias("features"),
        f.count_if(~same_score).alias("scores"),
    ).collect()[0]
    odd = found.where(~(same_features & same_score)).select("trans_num").limit(SAMPLES).collect()
    found.unpersist()
    names_of = tuple(one["trans_num"] for one in odd)
    return Parity(counted["compared"], counted["features"], counted["scores"], 0, names_of)


def first_decisions(bronze: DataFrame) -> DataFrame:
    """The first decision on each transaction, which is the one that counts."""
    order = Window.partitionBy("trans_num").orderBy("partition", "offset")
    ranked = bronze.withColumn("_rank", f.row_number().over(order))
    columns = ("trans_num", "features", "score", "model_version")
    return ranked.where(f.col("_rank") == 1).select(*columns)


def _comparison(registry: Registry, version: int) -> Callable[[Batches], Batches]:
    bundle = registry.load(registry.version(version))
    kind, file, details = bundle.manifest.kind, bundle.file, json.dumps(bundle.manifest.details)
    columns = [features.NAMES.index(name) for name in bundle.manifest.features]

    def compare_rows(batches: Batches) -> Batches:
        scorer = model_kind(kind).load(file, json.loads(details))
        for batch in batches:
            if not batch.num_rows:
                continue
            decided, again = (
                np.array(batch[name].to_pylist(), np.float64) for name in ("features", "recomputed")
            )
            score = scorer.score(np.ascontiguousarray(again[:, columns])).probability
            yield pa.record_batch(
                {
                    "trans_num": batch["trans_num"],
                    "same_features": (decided == again).all(axis=1),
                    "same_score": score == batch["score"].to_numpy(zero_copy_only=False),
                }
            )

    return compare_rows
