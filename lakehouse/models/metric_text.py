"""Names and formats of metrics where people read them."""

from __future__ import annotations

from lakehouse.models.manifest import Interval

_TITLES = {
    "base_rate": "base rate",
    "roc_auc": "ROC-AUC",
    "pr_auc": "PR-AUC",
    "f1": "F1 at the threshold",
    "brier": "Brier score",
    "calibration_error": "expected calibration error",
    "recall_top_decile": "recall in the top decile",
    "precision_top_decile": "precision in the top decile",
    "lift_top_decile": "lift in the top decile",
    "cost_per_day": "cost of wrong decisions a day",
}
_FORMATS = {
    "brier": ".4f",
    "calibration_error": ".4f",
    "lift_top_decile": ".1f",
    "cost_per_day": ",.0f",
}


def title(name: str) -> str:
    """The name of a metric for people.

    >>> title("roc_auc"), title("mean_distance")
    ('ROC-AUC', 'mean distance')
    """
    return _TITLES.get(name, name.replace("_", " "))


def text(name: str, metric: Interval | float) -> str:
    """A metric's value for people.

    >>> text("cost_per_day", 1234.5), text("roc_auc", Interval(0.8, 0.75, 0.85))
    ('1,234', '0.800 [0.750, 0.850]')
    """
    return str(metric) if isinstance(metric, Interval) else f"{metric:{_FORMATS.get(name, '.3f')}}"
