"""The fraud model's table of predictions, in the form the shared scoring queries expect."""

from __future__ import annotations

from lakehouse.clock import Clock
from lakehouse.domains.cards import names
from lakehouse.domains.cards.domain import FRAUD
from lakehouse.domains.settings import Settings
from lakehouse.registry import Registry
from pyspark_jobs.scoring.context import ScoringContext


def scoring_context(settings: Settings, registry: Registry, clock: Clock) -> ScoringContext:
    """The context that scores gold and labels the predictions."""
    return ScoringContext(
        settings, FRAUD, registry, clock, scoring=names.SCORE, labelling=names.OUTCOMES_JOIN
    )
