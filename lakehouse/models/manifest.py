"""What stands beside a model: how it was made, how good it is, and what its files must hash to."""

from __future__ import annotations

from datetime import date

import msgspec

MANIFEST_VERSION = 1


class Interval(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A figure with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """`0.812 [0.780, 0.841]`."""
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


class Baseline(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How another way of ranking the same rows does."""

    roc_auc: Interval
    pr_auc: Interval


class Figures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the model does on its test window; intervals resample subscribers.

    `cost_per_day` is in the units of the cost settings; `baselines` are by name.
    """

    rows: int
    subscribers: int
    churners: int
    base_rate: float
    roc_auc: Interval
    pr_auc: Interval
    f1: float
    accuracy: float
    brier: float
    calibration_error: float
    precision_top_decile: float
    lift_top_decile: float
    cost_per_day: float
    baselines: dict[str, Baseline]
    importance: dict[str, float]


class Costs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a wrong decision costs: a churner missed, a stayer bothered."""

    false_negative: float
    false_positive: float


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A model's papers; dates are inclusive, `files` has the SHA-256 of each file beside it."""

    manifest_version: int = MANIFEST_VERSION
    features: tuple[str, ...]
    feature_hash: str
    feature_windows: tuple[int, int, int]
    label_horizon_days: int
    active_window_days: int
    contract_version: int
    threshold: float
    costs: Costs
    params: dict[str, str]
    folds: str
    train_start: date
    train_end: date
    test_start: date
    test_end: date
    score_from: date
    train_rows: int
    train_churners: int
    delta_versions: dict[str, int]
    git_commit: str
    figures: Figures
    files: dict[str, str]


def encode(manifest: Manifest) -> bytes:
    """The manifest as readable JSON."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
