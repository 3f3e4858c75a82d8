"""The world's oracle compared with a model: how close to the ceiling it comes on its test window.

Only a simulated world has one. It knows each subscriber's hidden state, so it stays out of the lake
and of training, and is only consulted when a person looks at a model.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from flaskapp.cdr.world import Horizon, World
from lakehouse import store
from lakehouse.domains.cdr import names
from lakehouse.domains.settings import Settings
from lakehouse.metrics import ScoredLabels, interval, numbered, resampled
from lakehouse.models.bundle import Bundle
from lakehouse.models.manifest import Interval, Manifest
from lakehouse.names import table_uri


@dataclass(frozen=True)
class Oracle:
    """The oracle's ROC-AUC, and the share of (ROC-AUC - 0.5) that the model reaches."""

    roc_auc: Interval
    share: Interval

    def __str__(self) -> str:
        """`0.986 [0.982, 0.989] oracle; the model has 0.844 [0.825, 0.861] of its edge`."""
        return f"{self.roc_auc} oracle; the model has {self.share} of its edge over chance"


def beside(bundle: Bundle, settings: Settings) -> Oracle | None:
    """The oracle on a model's test window; None if the data is not from this world.

    Drifts are left out, because they only affect days after the history.
    """
    silver = table_uri(settings.lake_uri, names.SILVER_DAILY)
    if settings.source.files or not store.exists(silver, settings.lake_options):
        return None
    start = store.scan(silver, settings.lake_options).select(pl.col("Date").min()).collect().item()
    horizon = Horizon(settings.cdr.label_horizon_days, settings.cdr.active_window_days)
    world = World(settings.world, start, horizon, settings.timezone)
    rows = bundle.reference()
    truth = rows.join(probabilities(world, bundle.manifest), on=["User", "Date"])
    return judge(truth, settings.model.seed) if len(truth) == len(rows) else None


def probabilities(world: World, papers: Manifest) -> pl.DataFrame:
    """User, Date and the true `probability` on the test days of a model."""
    first, last = ((at - world.start).days for at in (papers.test_start, papers.test_end))
    found = [
        world.oracle_probability(number).select(
            "probability", User="DP_MSISDN", Date=pl.lit(world.date_of(number), pl.Date)
        )
        for number in range(first, last + 1)
    ]
    return pl.concat(found)


def judge(rows: pl.DataFrame, seed: int) -> Oracle:
    """Compare `probability_1` (the model's) with `probability`, on the same replicates."""
    label = rows["label"].cast(pl.Int64).to_numpy()
    model, oracle = (
        ScoredLabels(rows[name].to_numpy(), label) for name in ("probability_1", "probability")
    )
    entity = numbered(rows["User"])
    pairs = [(model.roc_auc(weight), oracle.roc_auc(weight)) for weight in resampled(entity, seed)]
    best = oracle.roc_auc()
    return Oracle(
        interval(best, [ceiling for _, ceiling in pairs]),
        interval(_share(model.roc_auc(), best), [_share(*pair) for pair in pairs]),
    )


def _share(model: float, oracle: float) -> float:
    return (model - 0.5) / (oracle - 0.5)
