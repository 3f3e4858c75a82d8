"""The tables of predictions of both hazards, in the form the shared scoring queries expect."""

from __future__ import annotations

from lakehouse.clock import Clock
from lakehouse.domains.segments import names
from lakehouse.domains.segments.domain import REQUEST, SEGMENTS, WILL_SPEND
from lakehouse.domains.settings import Settings
from lakehouse.registry import Registry, open_registry
from pyspark_jobs.scoring.context import ScoringContext


def scoring_contexts(settings: Settings, clock: Clock) -> tuple[ScoringContext, ScoringContext]:
    """The contexts that score the history of cards and label the predictions."""
    queries = (
        (WILL_SPEND, names.SCORE, names.OUTCOMES_JOIN),
        (REQUEST, names.SCORE_REQUEST, names.OUTCOMES_REQUEST),
    )
    found = [
        ScoringContext(
            settings, scored, open_registry(settings, scored), clock, scoring, labelling,
            settings.segments.label_delay,
        )
        for scored, scoring, labelling in queries
    ]  # fmt: skip
    return found[0], found[1]


def registries(settings: Settings) -> dict[str, Registry]:
    """The registry of each of the domain's models, by its name."""
    return {one.model: open_registry(settings, one) for one in SEGMENTS.scored}
