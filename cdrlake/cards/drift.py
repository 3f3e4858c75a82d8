"""The drift report: recent transactions beside those that the champion was tested on."""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path

import jinja2
import polars as pl

from flaskapp.cards.reports import folder
from lakehouse import files, store
from lakehouse.domains.cards import drift, features, names
from lakehouse.domains.cards.domain import FRAUD
from lakehouse.domains.cards.drift import Drift
from lakehouse.domains.settings import Settings
from lakehouse.errors import ModelError
from lakehouse.models.forest import Floats
from lakehouse.names import table_uri
from lakehouse.registry import open_registry
from monitoring.channels import channels

LOG = logging.getLogger(__name__)


def report(settings: Settings, now: datetime) -> tuple[Drift, Path | None]:
    """Compare, and if anything has drifted, write a report and tell everybody who gets alarms.

    Raises `ModelError` without a champion or with fewer than 60 transactions.
    """
    found = drift.compare(_reference(settings), _recent(settings))
    if found.sentence is None:
        return found, None
    path = folder(settings) / f"data_drift_report_{now:%Y%m%d_%H%M%S}.html"
    files.replace(path, page(found, now).encode())
    told = f"{found.sentence}\n{', '.join(found.drifted)}"
    LOG.warning("%s (%s)", found.sentence, ", ".join(found.drifted))
    for channel in channels(settings):
        try:
            channel.tell(told, found.sentence, path if channel.name == "mail" else None)
        except Exception as error:  # of any kind of service; the report is there
            LOG.warning("%s was not told: %s", channel.name, error)
    return found, path


def page(found: Drift, now: datetime) -> str:
    """The report as HTML."""
    loader = jinja2.PackageLoader("flaskapp.cards")
    template = jinja2.Environment(loader=loader, autoescape=True).get_template("drift.html")
    return template.render(found=found, now=now)


def _reference(settings: Settings) -> dict[str, Floats]:
    registry = open_registry(settings, FRAUD)
    champion = registry.champion()
    if champion is None:
        raise ModelError.sentence("There is no champion to compare with; train a model first.")
    rows = registry.load(champion).reference()
    return _columns(rows.sample(min(len(rows), drift.MOST), seed=settings.model.seed))


def _recent(settings: Settings) -> dict[str, Floats]:
    uri = table_uri(settings.lake_uri, names.GOLD_FEATURES)
    table = store.open_table(uri, settings.lake_options)
    rows = pl.DataFrame()
    if table is not None:
        latest = table.scan().sort(FRAUD.time, descending=True).limit(drift.MOST)
        rows = table.collect(latest)
    if len(rows) < drift.LEAST:
        needed = f"at least {drift.LEAST} transactions in {names.GOLD_FEATURES}"
        raise ModelError("drift", needed, str(len(rows)), "try again once there are more")
    return _columns(rows)


def _columns(rows: pl.DataFrame) -> dict[str, Floats]:
    return {name: rows[name].to_numpy() for name in features.NAMES if name in rows.columns}
