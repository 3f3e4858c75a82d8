"""How near the model comes to the bounds, world by world: docs/model.md.

Each world goes through the same training as in the product, search and gates included, from tables
that were made in this process. Nothing was tuned on these worlds.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
from pyspark.sql import SparkSession

from bench.churn_lake import world_of, write_history
from bench.churn_world import usage_of
from cdrlake import bounds
from cdrlake.bounds import Bound, Bounds
from cdrlake.cdr import oracle
from flaskapp.cdr.world import World
from lakehouse.clock import SystemClock
from lakehouse.domains.cdr.domain import CHURN
from lakehouse.domains.settings import Settings
from lakehouse.models.manifest import Figures, Manifest, as_interval
from lakehouse.registry import Registry
from lakehouse.registry.stores import MemoryStore
from pyspark_jobs.cdr.train import train

BAR_SHARE, BAR_ERROR = 0.98, 0.02


@dataclass(frozen=True)
class Quality:
    """One world's figures and bounds; a share is (ROC-AUC - 0.5) / (the bound's - 0.5)."""

    seed: int
    subscribers: int
    figures: Figures
    shape: str
    bounds: Bounds

    @property
    def attainable(self) -> Bound:
        """What can be known from the events. Raises `ValueError` where it was not computed."""
        if self.bounds.attainable is None:
            raise ValueError(f"world {self.seed} has no attainable bound")
        return self.bounds.attainable

    @property
    def beats_baselines(self) -> bool:
        """Whether the forest ranks better than one rule and than a logistic regression."""
        ours, others = self.figures.value("roc_auc"), self.figures.baselines.values()
        return all(ours > as_interval(other["roc_auc"]).value for other in others)


def measure(spark: SparkSession, seed: int, settings: Settings) -> Quality:
    """Train on the world of `seed` and set its test window beside the oracle."""
    world = world_of(seed, settings.world)
    clock = SystemClock()
    with TemporaryDirectory() as folder:
        own = settings.model_copy(update={"state_dir": folder})
        write_history(own.lake_uri, world, settings.world.history_days)
        registry = Registry(MemoryStore(Path(folder) / "registry"), clock)
        bundle = registry.load(train(spark, own, registry, clock, print).version)
        papers, rows = bundle.manifest, bundle.reference()
    truth = rows.join(oracle.probabilities(world, papers), on=["User", "Date"])
    truth = truth.join(oracle.attainable(world, papers, _seen(world, papers)), on=["User", "Date"])
    shape = f"{papers.params['trees']} x {papers.params['depth']}"
    found = bounds.judge(truth, CHURN, settings.model.seed)
    return Quality(seed, settings.world.subscribers, papers.figures, shape, found)


def _seen(world: World, papers: Manifest) -> pl.DataFrame:
    """User, Date and the sum of all counts, up to the last test day."""
    usage = usage_of(world, 0, (papers.test_end - world.start).days)
    counts = [name for name in usage.columns if name.endswith("COUNT")]
    return usage.select("User", "Date", amount=pl.sum_horizontal(counts))
