"""A monitored model, as seen from the HTTP side."""

from __future__ import annotations

from dataclasses import dataclass

from lakehouse.domain import Scored
from monitoring.poller import Poller
from monitoring.score_watcher import ScoreWatcher
from monitoring.service import Service


@dataclass(frozen=True)
class WatchedModel:
    """A model with everything that runs for it; `path` prefixes its routes, empty for the first."""

    scored: Scored
    path: str
    service: Service
    watcher: ScoreWatcher
    poller: Poller

    @property
    def name(self) -> str:
        """Its name in the registry."""
        return self.scored.model

    @property
    def failure(self) -> str | None:
        """Why the poller has stopped looking for new data; None while it is running."""
        failure = self.poller.failure
        return None if failure is None else f"the poller of {self.name} ended: {failure}"
