"""What is stored with a model: how it was made, how good it is, and its files' hashes."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec

MANIFEST_VERSION = 2
RANKING = "roc_auc"
FOREST = "forest"


class Interval(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A figure with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """`0.812 [0.780, 0.841]`."""
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


Metrics = dict[str, Interval | float]


class Figures(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the model performs on its test window; intervals resample entities.

    `metrics` are the model's own, by name, each a number or an interval; versions are listed and
    compared by the metric that `ranking` names. `importance` is how much of that metric is lost
    when a feature is shuffled, and `baselines` are the metrics of other ways to rank the same rows.
    """

    rows: int
    entities: int
    positives: int
    metrics: Metrics
    ranking: str = RANKING
    baselines: dict[str, Metrics] = {}
    importance: dict[str, float] = {}

    def interval(self, name: str) -> Interval:
        """The metric called `name`; a number without an interval is its own low and high.

        Raises `KeyError` for a metric that the model was not measured by.
        """
        return as_interval(self.metrics[name])

    def value(self, name: str) -> float:
        """The number of a metric. Raises as `interval` does."""
        return self.interval(name).value


class Costs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What wrong decisions cost: a missed positive, and acting on a negative."""

    false_negative: float
    false_positive: float


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A model's manifest; dates are inclusive, and `files` has the SHA-256 of each file next to it.

    `kind` names the loader of the model file, and `details` is that kind's own part. `recipe` is
    the domain's record of how features and labels were made.
    """

    manifest_version: int = MANIFEST_VERSION
    kind: str = FOREST
    details: dict[str, Any] = {}
    features: tuple[str, ...]
    feature_hash: str
    recipe: dict[str, Any] = {}
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
    train_positives: int
    delta_versions: dict[str, int]
    git_commit: str
    figures: Figures
    files: dict[str, str]


def as_interval(metric: Interval | float) -> Interval:
    """A metric as an interval."""
    return metric if isinstance(metric, Interval) else Interval(metric, metric, metric)


def encode(manifest: Manifest) -> bytes:
    """The manifest as readable JSON."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def decode(data: bytes) -> Manifest:
    """The manifest that `encode` wrote, now or in version 1.

    Raises `msgspec.MsgspecError` for anything else.
    """
    papers = msgspec.json.decode(data, type=dict[str, Any])
    if papers.get("manifest_version") == 1:
        papers = _from_version_1(papers)
    return msgspec.convert(papers, Manifest)


def _from_version_1(papers: dict[str, Any]) -> dict[str, Any]:
    """Version 1 was written for one domain and named some fields by its words.

    Fields that no longer exist belong to that domain's recipe, except for the number of positive
    rows, the only such field of the train days.
    """
    own = {key: papers[key] for key in papers if key not in Manifest.__struct_fields__}
    counts = [own.pop(key) for key in [*own] if key.startswith("train_")]
    if len(counts) != 1 or not isinstance(papers.get("figures"), dict):
        raise msgspec.ValidationError("no manifest of version 1")
    kept = {key: value for key, value in papers.items() if key in Manifest.__struct_fields__}
    return kept | {
        "manifest_version": MANIFEST_VERSION,
        "recipe": own,
        "train_positives": counts[0],
        "figures": _figures_of_version_1(papers["figures"]),
    }


def _figures_of_version_1(figures: dict[str, Any]) -> dict[str, Any]:
    """The three counts came first, then the metrics, then baselines and importance."""
    rest = dict(figures)
    baselines, importance = rest.pop("baselines", {}), rest.pop("importance", {})
    counts = dict(zip(("rows", "entities", "positives"), [*rest.values()][:3], strict=False))
    metrics = dict([*rest.items()][3:])
    return {**counts, "metrics": metrics, "baselines": baselines, "importance": importance}
