"""The one place where the parts of the service are put together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from flask import Flask

from lakehouse import store
from lakehouse.clock import Clock
from lakehouse.domains.cdr import names
from lakehouse.domains.cdr.domain import CHURN
from lakehouse.http import access
from lakehouse.names import table_uri
from lakehouse.registry import open_registry
from lakehouse.settings import Settings
from monitoring.alerts import Alerts
from monitoring.channels import channels
from monitoring.models import Registry
from monitoring.monitor import FOLDER, Monitor, Request
from monitoring.output.folder import OutputFolder
from monitoring.poller import Cursor, Poller
from monitoring.records import Records
from monitoring.score_watcher import ScoreWatcher
from monitoring.service import Service
from monitoring.subscribers import Subscribers
from monitoring.web.app import create_app


@dataclass(frozen=True)
class Parts:
    """What a running service is made of."""

    app: Flask
    service: Service
    poller: Poller


@dataclass(frozen=True)
class MonitoringTask:
    """The poller's task: the predictions table and the champion as they are now."""

    uri: str
    registry: Registry
    watch: ScoreWatcher
    service: Service
    options: store.Options

    def state(self) -> Cursor:
        """Table, version and champion; what was scored since is looked at on the way."""
        self.watch.look()
        champion = self.registry.champion()
        number = champion.number if champion else None
        identity = store.identity(self.uri, self.options)
        return Cursor(identity, store.version(self.uri, self.options), number)

    def run(self) -> None:
        """The run that looks at everything since the champion's reference."""
        self.service.run(Request())


def wire(settings: Settings, clock: Clock, registry: Registry | None = None) -> Parts:
    """All parts. Raises `SettingsError` for a setting that would be unsafe or is incomplete."""
    access.require_safe_address(settings.api, "monitoring.host", settings.monitoring.host)
    state, limits = settings.state / FOLDER, settings.monitoring
    registry = registry or open_registry(settings, CHURN)
    quiet = timedelta(minutes=limits.quiet_minutes)
    alerts = Alerts(channels(settings), state / "alerts", quiet, clock)
    monitor = Monitor(settings, registry, clock, Subscribers(settings.mysql, clock).enrich)
    output, records = OutputFolder(settings.output), Records(settings)
    service = Service(monitor, output, records, clock, [alerts])
    options, uri = settings.lake_options, table_uri(settings.lake_uri, names.PREDICTIONS)
    watch = ScoreWatcher(settings.lake_uri, clock, options)
    task = MonitoringTask(uri, registry, watch, service, options)
    poller = Poller(task, clock, limits.interval_seconds, state / "cursor.json")
    return Parts(create_app(settings, service, watch, clock), service, poller)
