"""How far a column tells churners apart: effect size, R squared with an interval, ROC-AUC.

Intervals resample subscribers, not rows: a subscriber's rows share one label.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.metrics import roc_auc_score

from eda.source import ROW, USER
from lakehouse.domains.cdr.contracts import LABEL

Floats = npt.NDArray[np.float64]

RESAMPLES = 400
LEAK_AUC = 0.95
SEED = 42


@dataclass(frozen=True)
class Association:
    """A column against the label. `r2` is that of a straight line, `effect` is Cohen's d."""

    name: str
    rows: int
    r2: float
    r2_low: float
    r2_high: float
    effect: float
    roc_auc: float

    @property
    def separation(self) -> float:
        """ROC-AUC in whichever direction the column points, 0.5 to 1."""
        return max(self.roc_auc, 1 - self.roc_auc)

    @property
    def is_leak_suspect(self) -> bool:
        """Whether the column knows the label too well to have been known before it."""
        return self.separation >= LEAK_AUC


def associate(sample: pl.DataFrame, name: str) -> Association | None:
    """The column called `name` against the label; None without both classes or any variation."""
    known = sample.select(USER, LABEL, pl.col(name).fill_nan(None).cast(pl.Float64)).drop_nulls()
    label = known[LABEL].to_numpy().astype(np.float64)
    values = known[name].to_numpy()
    if known[LABEL].n_unique() < 2 or known[name].n_unique() < 2:
        return None
    scaled = (values - values.mean()) / values.std()
    sums = _sums_by_subscriber(known[USER], scaled, label)
    low, high = np.quantile(_resampled_r2(sums), [0.025, 0.975])
    return Association(
        name=name,
        rows=known.height,
        r2=float(_r2(sums.sum(axis=0))),
        r2_low=float(low),
        r2_high=float(high),
        effect=_cohens_d(values, label),
        roc_auc=float(roc_auc_score(label, values)),
    )


def leak_suspects(sample: pl.DataFrame, names: tuple[str, ...]) -> list[Association]:
    """Columns, row numbers included, that separate the label too well, the worst first."""
    found = [associate(sample, name) for name in (*names, ROW)]
    suspects = [one for one in found if one is not None and one.is_leak_suspect]
    return sorted(suspects, key=lambda one: -one.separation)


def _sums_by_subscriber(users: pl.Series, x: Floats, y: Floats) -> Floats:
    terms = {"n": np.ones_like(x), "x": x, "y": y, "xx": x * x, "yy": y * y, "xy": x * y}
    rows = pl.DataFrame({"user": users, **terms})
    return rows.group_by("user", maintain_order=True).sum().drop("user").to_numpy()


def _resampled_r2(sums: Floats) -> Floats:
    rng = np.random.default_rng(SEED)
    count = len(sums)
    draws = [sums[rng.integers(0, count, count)].sum(axis=0) for _ in range(RESAMPLES)]
    return _r2(np.array(draws))


def _r2(sums: Floats) -> Floats:
    n, x, y, xx, yy, xy = np.moveaxis(sums, -1, 0)
    spread = (xx - x * x / n) * (yy - y * y / n)
    shared = np.square(xy - x * y / n)
    return np.asarray(np.divide(shared, spread, out=np.zeros_like(shared), where=spread > 0))


def _cohens_d(values: Floats, label: Floats) -> float:
    churned, stayed = values[label == 1], values[label == 0]
    count = len(values) - 2
    pooled = ((len(churned) - 1) * churned.var() + (len(stayed) - 1) * stayed.var()) / max(count, 1)
    return float((churned.mean() - stayed.mean()) / np.sqrt(pooled)) if pooled else 0.0
