"""How well fraud is found in a simulated world, beside the best that anybody could do."""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from bench.alarm_model import START, labelled
from bench.measure import Figure, Measurement, Size, held
from bench.stand import Stand
from flaskapp.cards.world.behaviour import PLANS
from flaskapp.cards.world.world import World
from lakehouse.domains.cards.features import STATELESS
from lakehouse.metrics import ScoredLabels
from lakehouse.models.forest import Floats

BAR, ALERTS = 0.9, 0.01
CARDS = {"small": 150, "full": 1_500}
DAYS = {"small": 30.0, "full": 60.0}
SEEDS = {"small": (1,), "full": (1, 2, 3, 4, 5)}


def run(size: Size, _: Stand) -> list[Measurement]:
    """PR-AUC of the forest over that of the oracle, on the last third of each world."""
    found = [_one(seed, size) for seed in SEEDS[size]]
    shares = [one["card"] / one["oracle"] for one in found]
    means = {name: float(np.mean([one[name] for one in found])) for name in found[0]}
    note = (
        f"PR-AUC {means['card']:.3f}, attainable {means['oracle']:.3f}, without the card's "
        f"history {means['stateless']:.3f}, numbers only with SMOTE {means['smote']:.3f}; recall "
        f"at 1 % alerts {means['recall']:.3f}, with SMOTE {means['smote_recall']:.3f}"
    )
    told = f"{len(found)} worlds of {CARDS[size]:,} cards, {DAYS[size]:.0f} days"
    figure = Figure("cards_quality_vs_attainable", "share", True, told, note)
    return [held(figure, BAR, shares)]


def _one(seed: int, size: Size) -> dict[str, float]:
    world = World(CARDS[size], seed, 0.01, START, PLANS["steady"])
    rows, label, oracle = labelled(world, DAYS[size])
    first, last = len(label) // 8, len(label) * 2 // 3
    train, test = slice(first, last), slice(last, None)
    card = _forest(rows[train], label[train], rows[test])
    alone = len(STATELESS)
    stateless = _forest(rows[train, :alone], label[train], rows[test, :alone])
    smote = _with_smote(rows[train, :alone], label[train], rows[test, :alone])
    truth = label[test].astype(np.int64)
    return {
        "card": ScoredLabels(card, truth).pr_auc(),
        "oracle": ScoredLabels(oracle[test], truth).pr_auc(),
        "stateless": ScoredLabels(stateless, truth).pr_auc(),
        "smote": ScoredLabels(smote, truth).pr_auc(),
        "recall": _recall(card, truth),
        "smote_recall": _recall(smote, truth),
    }


def _forest(rows: Floats, label: Floats, test: Floats) -> Floats:
    grown = RandomForestClassifier(
        200, max_depth=14, min_samples_leaf=4, random_state=1, n_jobs=2
    ).fit(rows, label)
    found: Floats = grown.predict_proba(test)[:, 1]
    return found


def _with_smote(rows: Floats, label: Floats, test: Floats) -> Floats:
    """The recipe that this replaces: scaled numbers, SMOTE, a balanced forest, 5,000 rows."""
    from imblearn.over_sampling import SMOTE
    from imblearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    recipe = make_pipeline(
        StandardScaler(),
        SMOTE(random_state=42),
        RandomForestClassifier(150, class_weight="balanced", random_state=42),
    )
    found: Floats = recipe.fit(rows[:5_000], label[:5_000]).predict_proba(test)[:, 1]
    return found


def _recall(score: Floats, truth: np.ndarray) -> float:
    top = np.argsort(-score, kind="stable")[: max(int(len(score) * ALERTS), 1)]
    return float(truth[top].sum() / truth.sum())
