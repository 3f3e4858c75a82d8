"""The parts of a training, and the documentation that is stored with its model."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from lakehouse.contracts import CONTRACT_VERSION
from lakehouse.domains.cards.domain import FRAUD
from lakehouse.domains.settings import Settings
from lakehouse.models import forest_scorer
from lakehouse.models.bundle import feature_hash
from lakehouse.models.calibration import Calibration
from lakehouse.models.forest_model import ForestModel
from lakehouse.models.manifest import Costs, Figures, Manifest
from pyspark_jobs.cards.forest import Recipe
from pyspark_jobs.training.sample import LabelledRows

PURPOSE = (
    "Gives the probability that a card transaction is a fraud, from the transaction and from what "
    "the card did before. It ranks transactions for review; a score says nothing of a person."
)


@dataclass(frozen=True)
class Parts:
    """Labelled rows in the order of time: fitted on, calibrated on, and tested on."""

    fit: LabelledRows
    calibrate: LabelledRows
    test: LabelledRows


def costs(rows: LabelledRows, settings: Settings) -> Costs:
    """A missed fraud costs its mean amount, a needless alarm a review."""
    amounts = rows.frame["amount"].to_numpy()[rows.label == 1]
    lost = float(amounts.mean()) if len(amounts) else 1.0
    return Costs(max(lost, settings.cards.cost_review), settings.cards.cost_review)


def manifest(
    model: ForestModel, curve: Calibration, parts: Parts, figures: Figures, settings: Settings
) -> Manifest:
    """The manifest of a forest, except for its files; the costs of a decision are in its recipe."""

    train_first, test_first = _moment(parts.fit, 0), _moment(parts.test, 0)
    train_last, test_last = _moment(parts.calibrate, -1), _moment(parts.test, -1)
    trained = len(parts.fit.label) + len(parts.calibrate.label)
    return Manifest(
        details=forest_scorer.details(model),
        features=model.features,
        feature_hash=feature_hash(model.features),
        recipe={
            "decision": {
                "cost_false_block": settings.cards.cost_false_block,
                "cost_review": settings.cards.cost_review,
            },
            "reviews_per_hour": settings.cards.reviews_per_hour,
        },
        contract_version=CONTRACT_VERSION,
        threshold=model.threshold,
        costs=costs(parts.test, settings),
        params={
            "trees": str(Recipe.trees),
            "depth": str(Recipe.depth),
            "seed": str(settings.model.seed),
            "calibration": f"Platt, slope {curve.slope:.4f}, offset {curve.offset:.4f}",
        },
        folds="none; split by time",
        train_start=train_first.date(), train_end=train_last.date(),
        test_start=test_first.date(), test_end=test_last.date(),
        score_from=train_first.date(),
        train_rows=trained,
        train_positives=int(parts.fit.label.sum() + parts.calibrate.label.sum()),
        delta_versions={},
        git_commit="unknown",
        figures=figures,
        files={},
    )  # fmt: skip


def _moment(rows: LabelledRows, place: int) -> datetime:
    found: datetime = rows.frame[FRAUD.time][place]
    return found
