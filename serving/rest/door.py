"""The way from rows to scores that all routes share: who answers, the shadow, the log."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import numpy as np

from lakehouse.clock import Clock
from lakehouse.models.forest import Floats
from lakehouse.settings.serving import ServingSettings
from serving.models import Models, NotReadyError, UnknownModelError
from serving.rest.answers import Scored
from serving.rest.errors import RestError, retry_later
from serving.rest.features import FeatureSource
from serving.rest.log import PredictionLog
from serving.rest.metrics import Metrics
from serving.served import LoadedModel


@dataclass(frozen=True)
class Door:
    """What routes work with; `lookups` find an entity's features, by the name of the model."""

    models: Models
    settings: ServingSettings
    clock: Clock
    metrics: Metrics
    log: PredictionLog
    lookups: dict[str, FeatureSource]

    def choose_now(
        self, name: str, version: int | None = None, key: str | None = None
    ) -> LoadedModel:
        """Who answers: that version, or whom the registry chose for the key; loads if it must.

        Raises `RestError`: 404 for what there is not, 503 for what cannot answer now.
        """
        try:
            if version is not None:
                return self.models.version(name, version)
            return self.models.served(name).choose(key)
        except UnknownModelError as error:
            raise RestError(404, str(error)) from None
        except NotReadyError as error:
            raise retry_later(503, str(error)) from None

    async def choose(
        self, name: str, version: int | None = None, key: str | None = None
    ) -> LoadedModel:
        """As `choose_now`; whatever has to be loaded is loaded in a thread."""
        if version is not None:
            found = self.models.loaded(name, version)
            if found is not None:
                return found
        elif self.models.is_current(name):
            return self.choose_now(name, key=key)
        return await asyncio.to_thread(self.choose_now, name, version, key)

    def score(self, model: LoadedModel, rows: Floats, key: str | None = None) -> Scored:
        """The scores of some rows.

        Raises `RestError` for values so large that the model has no number for them.
        """
        scores = model.scorer.score(rows)
        if not np.isfinite(scores.probability).all():
            raise RestError(422, "The model gives no finite probability for these values.")
        return Scored(model, rows, scores, key)

    def record(self, scored: Scored, request: str | list[str], route: str) -> None:
        """Count and log an answer, and let the shadow score the same rows.

        `request` is the id of the request, or those of the requests that each row is.
        """
        model = scored.model
        shadow = self._shadow(scored)
        self.metrics.scored(model.name, model.version, route, len(scored.rows))
        if shadow is not None:
            self.metrics.shadowed(scored, shadow)
        self.log.add(scored, shadow, request)

    def _shadow(self, scored: Scored) -> Scored | None:
        """What the shadow says, where its features are the same; only the champion has one."""
        shadow = self.models.shadow_of(scored.model)
        if shadow is None or shadow.features != scored.model.features:
            return None
        return Scored(shadow, scored.rows, shadow.scorer.score(scored.rows))
