"""What the forest has to beat: a logistic regression, and a forest without the card's history."""

from __future__ import annotations

from typing import cast

from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lakehouse.domains.cards.features import STATELESS
from lakehouse.models.forest import Floats
from pyspark_jobs.training.sample import LabelledRows

MOST_ROWS, TREES, DEPTH = 50_000, 60, 12


def rankings(train: LabelledRows, test: LabelledRows) -> dict[str, Floats]:
    """How the baselines rank the test rows; they see the latest rows of the train window."""
    rows, label = train.rows[-MOST_ROWS:], train.label[-MOST_ROWS:]
    linear = make_pipeline(
        StandardScaler(), LogisticRegression(C=0.1, class_weight="balanced", max_iter=300)
    ).fit(rows, label)
    alone = slice(0, len(STATELESS))
    trees = RandomForestClassifier(
        TREES, max_depth=DEPTH, min_samples_leaf=4, class_weight="balanced_subsample",
        random_state=42,
    ).fit(rows[:, alone], label)  # fmt: skip
    return {
        "logistic_regression": cast(Floats, linear.decision_function(test.rows)),
        "stateless_forest": cast(Floats, trees.predict_proba(test.rows[:, alone])[:, 1]),
    }
