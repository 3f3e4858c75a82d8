"""Puts the service together from settings and domains."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from lakehouse import kafka
from lakehouse.clock import Clock
from lakehouse.domain import Domain, Topic
from lakehouse.publisher import Publisher
from lakehouse.registry import open_registry
from lakehouse.settings import Settings
from serving.agreement import SharedAgreement
from serving.control import FileWatch, Listener
from serving.models import Models
from serving.rest import extension
from serving.rest.app import App
from serving.rest.door import Door
from serving.rest.features import FeatureSource
from serving.rest.log import PREDICTIONS, TRUTHS, PredictionLog
from serving.rest.metrics import Metrics

LOG_TOPICS = (Topic(PREDICTIONS), Topic(TRUTHS))


def application(
    settings: Settings, domains: Sequence[Domain], clock: Clock, shared: Path | None
) -> App:
    """The application of one process; with `shared`, a file, it is one of several."""
    scored = {one.model: one for domain in domains for one in domain.scored}
    registries = {name: open_registry(settings, one) for name, one in scored.items()}
    agreement = SharedAgreement(shared, registries) if shared else None
    serving, metrics = settings.serving, Metrics()
    log = PredictionLog(
        partial(_log_sender, settings) if serving.log_predictions else None,
        clock,
        serving.log_queue,
        metrics.log_dropped.inc,
    )
    lookups = {name: FeatureSource(settings, one) for name, one in scored.items()}
    models = Models(registries, clock, agreement)
    door = Door(models, serving, clock, metrics, log, lookups)
    control = [domain.control for domain in domains if domain.control is not None]
    hints = (Listener(settings, control, clock), FileWatch(settings.tracking_uri, clock))
    return App(door, settings, extension.routes(domains, serving), hints)


def _log_sender(settings: Settings) -> Publisher:
    """A producer for the prediction log, whose topics belong to no domain."""
    kafka.create_topics(settings.kafka, LOG_TOPICS)
    return Publisher(settings.kafka)
