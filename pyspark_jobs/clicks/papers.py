"""The documentation stored with a bot detector: its origin, its purpose, the cost of errors."""

from __future__ import annotations

import subprocess
from dataclasses import asdict

from lakehouse.contracts import CONTRACT_VERSION
from lakehouse.domains.clicks import names
from lakehouse.domains.clicks.contracts import FEATURES
from lakehouse.domains.settings import Settings
from lakehouse.models import forest_scorer
from lakehouse.models.bundle import feature_hash
from lakehouse.models.forest_model import ForestModel
from lakehouse.models.manifest import Costs, Figures, Manifest
from lakehouse.settings import ROOT
from pyspark_jobs.clicks.lessons import VIEW, Lessons
from pyspark_jobs.training.forests import Shape
from pyspark_jobs.training.sample import LabelledRows

PURPOSE = (
    "Gives the probability that ten minutes of a user's clicks are a bot's, from the pages seen, "
    "the platform and the orders so far. It learned from a made-up shop; it says nothing of bots "
    "with other habits, and a bot that behaves like a person is one to it."
)


def manifest(
    model: ForestModel,
    shape: Shape,
    fit: LabelledRows,
    figures: Figures,
    lessons: Lessons,
    settings: Settings,
) -> Manifest:
    """The manifest of a forest, except for its files."""
    day, last = lessons.start.date(), lessons.end.date()
    return Manifest(
        details=forest_scorer.details(model),
        features=FEATURES,
        feature_hash=feature_hash(FEATURES),
        recipe={
            "labels": list(names.LABELS),
            "view": VIEW,
            "lessons": asdict(lessons) | {"end": lessons.end.isoformat()},
        },
        contract_version=CONTRACT_VERSION,
        threshold=model.threshold,
        costs=costs(settings),
        params=_params(model, shape) | {"seed": str(settings.model.seed)},
        folds="none: users to fit on, to calibrate on and to test on",
        train_start=day,
        train_end=last,
        test_start=day,
        test_end=last,
        score_from=day,
        train_rows=len(fit.label),
        train_positives=int(fit.label.sum()),
        delta_versions={},
        git_commit=_git_commit(),
        figures=figures,
        files={},
    )


def _params(model: ForestModel, shape: Shape) -> dict[str, str]:
    curve = model.calibration
    return {
        "trees": str(shape.trees),
        "depth": str(shape.depth),
        "features_per_split": shape.features_per_split,
        "min_instances": str(shape.min_instances),
        "calibration": f"Platt, slope {curve.slope:.4f}, offset {curve.offset:.4f}",
    }


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
