"""The gates of the domain's three models, for training and for whoever approves a version later."""

from __future__ import annotations

from lakehouse.domain import Scored
from lakehouse.domains.segments import names
from lakehouse.domains.settings import Settings
from lakehouse.registry import Registry
from lakehouse.registry.gates import Gate, Gates, Limit, of_a_classifier
from pyspark_jobs.segments.types_gate import TypesGate

POISSON, BG_NBD, RECENCY = "per_card_poisson", "bg_nbd", "recency_and_frequency"


def gate(registry: Registry, scored: Scored, settings: Settings) -> Gate:
    """The gates of one of the models."""
    if scored.model == names.TYPES:
        return TypesGate(registry, settings.model)
    limits = of_a_classifier(settings.model)
    if scored.model == names.WILL_SPEND:
        limits += tuple(Limit(least_gain(one), 0.0, is_least=True) for one in (POISSON, BG_NBD))
    return Gates(registry, scored, settings.model, limits)


def least_gain(name: str) -> str:
    """The figure that says what is gained on another way, at least: the interval's lower end."""
    return f"least_gain_on_{name}"
