"""The domain's feeds in the form that ingest expects: with their limits and known subscribers."""

from __future__ import annotations

from lakehouse.clock import Clock
from lakehouse.domains.cdr.domain import EVENTS, OUTCOMES
from lakehouse.domains.settings import Settings
from pyspark_jobs.cdr.subscribers import KnownSubscribers
from pyspark_jobs.ingest.ingest import Intake


def events(settings: Settings, clock: Clock) -> Intake:
    """Usage events; those of unknown subscribers are rejected if the settings say so."""
    asks = settings.cdr.known_subscribers_only
    known = KnownSubscribers(settings.mysql, clock) if asks else None
    return Intake(EVENTS, settings.cdr, known)


def outcomes(settings: Settings) -> Intake:
    """Labels that have become known."""
    return Intake(OUTCOMES, settings.cdr)


def intakes(settings: Settings, clock: Clock) -> tuple[Intake, ...]:
    """Everything that the domain ingests."""
    return events(settings, clock), outcomes(settings)
