"""One training of all three models, from the purchases in bronze to versions behind gates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f

from lakehouse import store
from lakehouse.domains.segments import names
from lakehouse.domains.segments.domain import REQUEST, TYPES, WILL_SPEND
from lakehouse.domains.settings import Settings
from lakehouse.errors import ModelError
from lakehouse.models.manifest import Figures
from lakehouse.models.metric_text import text, title
from lakehouse.names import table_uri
from lakehouse.registry import Registry
from lakehouse.registry.gates import Verdict
from pyspark_jobs.engine import readers
from pyspark_jobs.segments import train_hazards, train_types, weeks
from pyspark_jobs.segments.features import distinct_purchases

Say = Callable[[str], None]


@dataclass(frozen=True)
class TrainedVersion:
    """A registered version of one model, and whether it became champion."""

    model: str
    number: int
    verdict: Verdict
    figures: Figures

    def __str__(self) -> str:
        """`will_spend 1: promoted: first model, ROC-AUC 0.81`."""
        standing = "promoted" if self.verdict.promoted else "not promoted"
        return f"{self.model} {self.number} {standing}: {self.verdict.reason}"


def train(
    spark: SparkSession, settings: Settings, known: Mapping[str, Registry], say: Say
) -> list[TrainedVersion]:
    """Train and register types and both hazards; `say` is told each step.

    Raises `ModelError` when there are too few weeks of purchases.
    """
    purchases = _purchases(spark, settings)
    try:
        first, newest = purchases.agg(f.min("date"), f.max("date")).collect()[0]
        if first is None:
            raise ModelError("training", "purchases in bronze", "none", "ingest some first")
        days = weeks.plan(first, newest, settings.segments)
        many = len(days.learn) + len(days.test)
        chosen = weeks.sampled(purchases, many, settings.model.max_rows)
        say(f"fitting hazards on {len(days.learn)} Mondays from {days.learn[0]}")
        rows = train_hazards.read(chosen, days)
        fitted = train_hazards.fit(rows, settings.segments.threshold)
        found = [
            TrainedVersion(
                scored.model,
                *train_hazards.register(known[scored.model], scored, model, rows, days, settings),
            )
            for scored, model in ((WILL_SPEND, fitted.history), (REQUEST, fitted.request))
        ]
        rows.train.unpersist()
        say("fitting types")
        registry = known[TYPES.model]
        types = train_types.train(spark, settings, registry, chosen, days)
        found.append(TrainedVersion(TYPES.model, *types))
    finally:
        purchases.unpersist()
    for one in found:
        figure = one.figures.metrics[one.figures.ranking]
        name = title(one.figures.ranking)
        say(f"{one}; {name} {text(one.figures.ranking, figure)}")
    return found


def _purchases(spark: SparkSession, settings: Settings) -> DataFrame:
    uri = table_uri(settings.lake_uri, names.BRONZE_PURCHASES)
    if not store.exists(uri, settings.lake_options):
        raise ModelError("training", "purchases in bronze", "no table", "ingest some first")
    return distinct_purchases(readers.read_table(spark, uri)).cache()
