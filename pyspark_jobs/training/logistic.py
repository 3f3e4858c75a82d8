"""A logistic regression, as a baseline for what more complex models gain."""

from __future__ import annotations

from typing import cast

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lakehouse.models.forest import Floats
from pyspark_jobs.training.sample import LabelledRows

_STEPS = 500
_PENALTY = 1e-3


def log_odds(train: LabelledRows, test: LabelledRows) -> Floats:
    """Log-odds of the test rows, from a regression on the train rows with equal class weights."""
    linear = LogisticRegression(
        C=1 / (_PENALTY * len(train.label)), class_weight="balanced", max_iter=_STEPS
    )
    fitted = make_pipeline(StandardScaler(), linear).fit(train.rows, train.label)
    return cast(Floats, fitted.decision_function(test.rows))
