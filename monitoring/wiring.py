"""The only place where the parts of the service are assembled."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from importlib.machinery import PathFinder

from flask import Blueprint, Flask

from lakehouse import store
from lakehouse.clock import Clock
from lakehouse.domain import Scored
from lakehouse.errors import SettingsError
from lakehouse.http import access
from lakehouse.names import table_uri
from lakehouse.registry import open_registry
from lakehouse.settings import Settings
from monitoring.alerts import Alerts
from monitoring.channels import channels
from monitoring.models import Registry
from monitoring.monitor import Enrich, Monitor, Request
from monitoring.output.folder import OutputFolder
from monitoring.poller import Cursor, Poller
from monitoring.records import Records
from monitoring.retrain import Retrain
from monitoring.score_watcher import ScoreWatcher
from monitoring.service import Listener, Service
from monitoring.site import Site, sites
from monitoring.traits import Traits
from monitoring.watched import WatchedModel
from monitoring.web.app import create_app
from monitoring.web.pages import Count, no_counts

RegistryOf = Callable[[Scored], Registry]


@dataclass(frozen=True)
class Parts:
    """What a running service is made of; `models` are in the order in which they were declared."""

    app: Flask
    models: tuple[WatchedModel, ...]

    @property
    def service(self) -> Service:
        """The runs on the first model."""
        return self.models[0].service

    @property
    def poller(self) -> Poller:
        """The poller of the first model."""
        return self.models[0].poller


@dataclass(frozen=True)
class MonitoringTask:
    """A poller's task: the predictions table and the champion as they are now."""

    uri: str
    registry: Registry
    watcher: ScoreWatcher
    service: Service
    options: store.Options

    def observe(self) -> None:
        """Pass new scores to the detectors."""
        self.watcher.look()

    def state(self) -> Cursor:
        """Table, version and champion."""
        champion = self.registry.champion()
        number = champion.number if champion else None
        identity = store.identity(self.uri, self.options)
        return Cursor(identity, store.version(self.uri, self.options), number)

    def run(self) -> None:
        """The run over everything since the champion's reference."""
        self.service.run(Request())


def wire(
    settings: Settings,
    clock: Clock,
    watched: Sequence[Scored],
    registry_of: RegistryOf | None = None,
    count: Count = no_counts,
    pages: Sequence[Blueprint] = (),
) -> Parts:
    """All parts, for the models that are to be watched; their registries, if not the real ones.

    `count` gives the ledger that the pages draw, and `pages` are those of domains. Raises
    `SettingsError` for a setting that would be unsafe or is incomplete.
    """
    access.require_safe_address(settings.api, "monitoring.host", settings.monitoring.host)
    registry_of = registry_of or partial(open_registry, settings)
    found = tuple(
        _model(settings, clock, site, registry_of(site.scored), len(watched) > 1)
        for site in sites(settings, watched)
    )
    return Parts(create_app(settings, found, clock, count, pages), found)


def _model(
    settings: Settings, clock: Clock, site: Site, registry: Registry, is_one_of_many: bool
) -> WatchedModel:
    scored, chosen, options = site.scored, settings.monitoring, settings.lake_options
    subject = f"{scored.words.title} model" if is_one_of_many else "model"
    quiet = timedelta(minutes=chosen.quiet_minutes)
    alerts = Alerts(channels(settings), site.state / "alerts", quiet, clock, subject)
    monitor = Monitor(settings, site, registry, clock, _enrich(settings, scored, clock))
    records = Records(settings, scored.model, is_first=not site.path)
    listeners: list[Listener] = [alerts, *_retrain(settings, site, clock)]
    service = Service(monitor, OutputFolder(site.output), records, clock, listeners)
    uri = table_uri(settings.lake_uri, scored.table.name)
    watcher = ScoreWatcher(uri, scored.score, clock, options)
    task = MonitoringTask(uri, registry, watcher, service, options)
    poller = Poller(task, clock, chosen.interval_seconds, site.state / "cursor.json")
    return WatchedModel(scored, site.path, service, watcher, poller)


def _enrich(settings: Settings, scored: Scored, clock: Clock) -> Enrich:
    if scored.slices is None:
        return lambda rows: rows
    return Traits(scored.slices, settings.mysql, clock).enrich


def _retrain(settings: Settings, site: Site, clock: Clock) -> list[Listener]:
    """The training that findings start, if the settings ask for one and name a command."""
    chosen, model = settings.monitoring, site.scored.model
    names_model = any("{model}" in word for word in chosen.retrain_command)
    if not chosen.retrain_on or (site.path and not names_model):
        return []
    # Not by the import system, from which Spark is hidden while NannyML is loaded.
    if PathFinder.find_spec("pyspark") is None:
        raise SettingsError(
            "setting monitoring.retrain_on", "an installation with Spark, to train in",
            "one without", "leave it out here and start `cdrlake train` where Spark is",
        )  # fmt: skip
    given = {"{python}": sys.executable, "{model}": model}
    command = [given.get(word, word) for word in chosen.retrain_command]
    folder = settings.state / "logs" if not site.path else settings.state / "logs" / model
    again_after = timedelta(hours=chosen.retrain_hours)
    return [Retrain(chosen.retrain_on, command, folder, again_after, clock)]
