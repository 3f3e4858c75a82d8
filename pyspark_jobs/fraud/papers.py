"""The documentation stored with a fraud model: its origin, its purpose, the cost of errors."""

from __future__ import annotations

import subprocess
from datetime import date
from typing import TYPE_CHECKING, Any

import msgspec
import polars as pl

from lakehouse.contracts import CONTRACT_VERSION
from lakehouse.domains.fraud import names
from lakehouse.domains.fraud.contracts import FEATURES
from lakehouse.domains.settings import Settings
from lakehouse.models.bundle import feature_hash
from lakehouse.models.manifest import Costs, Figures, Manifest
from lakehouse.settings import ROOT

if TYPE_CHECKING:
    from pyspark_jobs.fraud.candidates import Candidate
    from pyspark_jobs.fraud.train import Parts

PURPOSE = (
    "Gives the probability that a card payment is a fraud, from its engineered features. It ranks "
    "payments for people to look at; it says nothing of a payment whose features were made "
    "differently, and its threshold holds for the budget of alerts that it was set for."
)


def manifest(
    parts: Parts,
    chosen: Candidate,
    figures: Figures,
    importance: dict[str, float],
    settings: Settings,
) -> Manifest:
    """The manifest of the chosen candidate, except for its files."""
    fit_from, fit_to = _dates(parts.fit)
    test_from, test_to = _dates(parts.test)
    return Manifest(
        kind=chosen.kind,
        details=dict(chosen.details),
        features=FEATURES,
        feature_hash=feature_hash(FEATURES),
        recipe=_recipe(parts, chosen, settings),
        contract_version=CONTRACT_VERSION,
        threshold=chosen.scorer.threshold,
        costs=costs(settings),
        params={**chosen.params, "seed": str(settings.model.seed)},
        folds="none: recalibrated and chosen on the newest rows before the test period",
        train_start=fit_from,
        train_end=fit_to,
        test_start=test_from,
        test_end=test_to,
        # Each event is scored once, so a version never scores what it was trained on; a replay may
        # bring events as old as the test period.
        score_from=fit_to,
        train_rows=len(parts.fit),
        train_positives=int(parts.fit["Class"].sum()),
        delta_versions={names.DATASETS: parts.delta_version},
        git_commit=_git_commit(),
        figures=msgspec.structs.replace(figures, importance=importance),
        files={},
    )


def _recipe(parts: Parts, chosen: Candidate, settings: Settings) -> dict[str, Any]:
    """How rows and labels were made."""
    return {
        "candidate": chosen.name,
        "dataset_version": parts.dataset_version,
        "weight_of_honest": round(parts.weight_of_honest, 6),
        "alert_rate": settings.fraud.learner.alert_rate,
    }


def costs(settings: Settings) -> Costs:
    """What wrong decisions cost, from the settings."""
    return Costs(settings.model.cost_false_negative, settings.model.cost_false_positive)


def _dates(rows: pl.DataFrame) -> tuple[date, date]:
    days = rows.select(
        first=pl.col("ingest_ts").min().dt.date(), last=pl.col("ingest_ts").max().dt.date()
    )
    first, last = days.row(0)
    return first, last


def _git_commit() -> str:
    """The commit of the code that trains; `unknown` outside a checkout."""
    command = ["git", "-C", str(ROOT), "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
