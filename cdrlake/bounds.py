"""How good a model of a simulated world can be: beside its own figures, what nobody can beat.

A domain that has a world puts `beside(bundle, settings) -> Bounds | None` into
`cdrlake/<domain>/oracle.py`; `cdrlake model show` finds it there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from lakehouse.domain import Scored
from lakehouse.metrics import RANKINGS, ScoredLabels, interval, numbered, resampled
from lakehouse.models.manifest import Interval
from lakehouse.models.metric_text import title

ORACLE, ATTAINABLE = "oracle", "attainable"
EDGE = "roc_auc"
CHANCE = 0.5


@dataclass(frozen=True)
class Bound:
    """Somebody who knows more than a model: the metrics of that ranking, by name.

    `share` is the model's (ROC-AUC - 0.5) over that of the bound.
    """

    name: str
    metrics: dict[str, Interval]
    share: Interval

    def __str__(self) -> str:
        """`ROC-AUC 0.924 [0.911, 0.936], PR-AUC ... attainable; the model has ... of its edge`."""
        found = ", ".join(f"{title(name)} {value}" for name, value in self.metrics.items())
        return f"{found} {self.name}; the model has {self.share} of its edge over chance"


@dataclass(frozen=True)
class Bounds:
    """The oracle, which knows what no data shows, and what can be attained from the data alone.

    `attainable` is None where the lake lacks the events that it would be computed from.
    """

    oracle: Bound
    attainable: Bound | None = None

    def __iter__(self) -> Iterator[Bound]:
        """The bounds there are, the nearest first."""
        return (each for each in (self.attainable, self.oracle) if each is not None)


def judge(rows: pl.DataFrame, scored: Scored, seed: int) -> Bounds:
    """Compare a model's scores with the bounds, on the same bootstrap replicates.

    `rows` has the entity, label and score of a table of predictions, the probability that the
    `oracle` gives, and where it is known the `attainable` one. Intervals resample entities.
    """
    label = rows[scored.label].cast(pl.Int64).to_numpy()
    names = [name for name in (ORACLE, ATTAINABLE) if name in rows.columns]
    model = ScoredLabels(rows[scored.score].to_numpy(), label)
    others = {name: ScoredLabels(rows[name].to_numpy(), label) for name in names}
    drawn: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    shares: dict[str, list[float]] = {name: [] for name in names}
    for weight in resampled(numbered(rows[scored.entity]), seed):
        ours = model.roc_auc(weight)
        for name, one in others.items():
            found = {metric: of(one, weight) for metric, of in RANKINGS.items()}
            drawn[name].append(found)
            shares[name].append(_share(ours, found[EDGE]))
    bounds = {
        name: Bound(
            name,
            {
                metric: interval(of(one, None), [each[metric] for each in drawn[name]])
                for metric, of in RANKINGS.items()
            },
            interval(_share(model.roc_auc(), one.roc_auc()), shares[name]),
        )
        for name, one in others.items()
    }
    return Bounds(bounds[ORACLE], bounds.get(ATTAINABLE))


def _share(model: float, bound: float) -> float:
    return (model - CHANCE) / (bound - CHANCE)
