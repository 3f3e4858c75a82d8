"""The documentation stored with a churn model: its origin, its purpose, the cost of errors."""

from __future__ import annotations

import subprocess
from datetime import timedelta

from lakehouse.contracts import CONTRACT_VERSION
from lakehouse.domains.settings import Settings
from lakehouse.models.bundle import feature_hash
from lakehouse.models.manifest import Costs, Figures, Manifest
from lakehouse.settings import ROOT
from pyspark_jobs.training.search import Choice, Sample
from pyspark_jobs.training.split import Split

_DAY = timedelta(days=1)


def manifest(
    data: Sample, choice: Choice, figures: Figures, settings: Settings, versions: dict[str, int]
) -> Manifest:
    """The manifest of a forest, except for its files and the details of its kind."""
    stayers, churners = data.train_counts.of(data.split.train)
    parts, cdr = data.split, settings.cdr
    return Manifest(
        features=data.evaluation_rows.features,
        feature_hash=feature_hash(data.evaluation_rows.features),
        recipe={
            "feature_windows": list(cdr.feature_windows),
            "label_horizon_days": cdr.label_horizon_days,
            "active_window_days": cdr.active_window_days,
        },
        contract_version=CONTRACT_VERSION,
        threshold=choice.threshold,
        costs=costs(settings),
        params=_params(choice, settings),
        folds=_folds(parts),
        train_start=parts.train.first,
        train_end=parts.train.last,
        test_start=parts.test.first,
        test_end=parts.test.last,
        score_from=parts.test.last + _DAY,
        train_rows=stayers + churners,
        train_positives=churners,
        delta_versions=versions,
        git_commit=_git_commit(),
        figures=figures,
        files={},
    )


def purpose(settings: Settings) -> str:
    """What the model is for, and what it must not be used for."""
    cdr = settings.cdr
    return (
        "Gives the probability that a subscriber who was active in the "
        f"{cdr.active_window_days} days up to a date has no activity in the "
        f"{cdr.label_horizon_days} days after it. It ranks subscribers for retention; it says "
        "nothing of why they leave, and nothing of those silent for longer."
    )


def _params(choice: Choice, settings: Settings) -> dict[str, str]:
    shape, curve = choice.shape, choice.calibration
    tried = ", ".join(
        f"{one.trees}x{one.depth}/{one.features_per_split}/{one.min_instances}: {roc_auc:.4f}"
        for one, roc_auc in choice.tried.items()
    )
    return {
        "trees": str(shape.trees),
        "depth": str(shape.depth),
        "features_per_split": shape.features_per_split,
        "min_instances": str(shape.min_instances),
        "calibration": f"Platt, slope {curve.slope:.4f}, offset {curve.offset:.4f}",
        "sample_every_days": str(settings.model.sample_every_days),
        "seed": str(settings.model.seed),
        "roc_auc_over_folds": tried,
    }


def _folds(parts: Split) -> str:
    if parts.kind == "time":
        spans = ", ".join(str(fold.validate) for fold in parts.folds)
        return f"{len(parts.folds)} in time, judging {spans}"
    return f"{len(parts.folds)} by subscriber: too few days for folds in time"


def costs(settings: Settings) -> Costs:
    """What wrong decisions cost, from the settings."""
    return Costs(settings.model.cost_false_negative, settings.model.cost_false_positive)


def _git_commit() -> str:
    """The commit of the code that trains; `unknown` outside a checkout."""
    command = ["git", "-C", str(ROOT), "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
