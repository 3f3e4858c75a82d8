"""What the two queries of a table of predictions work with, assembled by a main."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from lakehouse.clock import Clock
from lakehouse.domain import Scored
from lakehouse.names import QueryIdentity
from lakehouse.registry import Registry
from lakehouse.settings import Settings


@dataclass(frozen=True)
class ScoringContext:
    """A table of predictions, its model, and the queries that score and label it.

    An outcome is known no sooner than `label_delay` after the time it refers to.
    """

    settings: Settings
    scored: Scored
    registry: Registry
    clock: Clock
    scoring: QueryIdentity
    labelling: QueryIdentity
    label_delay: timedelta = timedelta(0)
