"""Whether transactions still look like those that the model was tested on, feature by feature.

Two samples of a feature are compared by the test of Kolmogorov and Smirnov, those of a category by
Pearson's chi-squared test. With twenty tests one would nearly always find something, so the
p-values are judged together (S. Holm, A simple sequentially rejective multiple test procedure,
1979): without drift, fewer than 1 report in 20 finds any. Transactions of the same card resemble
each other, which makes findings a little more frequent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lakehouse.models.forest import Floats

LEAST, MOST = 60, 2_000
LEVEL, GLOBAL_SHARE = 0.05, 0.5
GLOBAL = "ALERT: A global data drift detected!"
SOME = "WARNING: Feature-level drift detected"
CATEGORIES = ("category_code", "new_merchant", "new_category")


@dataclass(frozen=True)
class Feature:
    """One feature in both samples: means, the test's statistic and p-value, and the verdict."""

    name: str
    before: float
    now: float
    statistic: float
    p_value: float
    has_drifted: bool


@dataclass(frozen=True)
class Drift:
    """The comparison of `rows` recent transactions with `reference` earlier ones."""

    rows: int
    reference: int
    features: tuple[Feature, ...]

    @property
    def drifted(self) -> tuple[str, ...]:
        """The features that have drifted."""
        return tuple(one.name for one in self.features if one.has_drifted)

    @property
    def sentence(self) -> str | None:
        """What is told: of a drift of half of the features, or of some; None without any."""
        if not self.drifted:
            return None
        return GLOBAL if len(self.drifted) >= GLOBAL_SHARE * len(self.features) else SOME


def compare(reference: Mapping[str, Floats], current: Mapping[str, Floats]) -> Drift:
    """Compare the features that both samples have; each is a column by name.

    >>> steady = {"amount": np.arange(100.0)}
    >>> compare(steady, steady).sentence
    >>> compare(steady, {"amount": np.arange(100.0) + 60}).sentence
    'ALERT: A global data drift detected!'
    """
    names = [name for name in reference if name in current]
    found = [_test(name, reference[name], current[name]) for name in names]
    rejected = holm([p_value for _, p_value in found])
    features = tuple(
        Feature(name, float(reference[name].mean()), float(current[name].mean()), *test, drifted)
        for name, test, drifted in zip(names, found, rejected, strict=True)
    )
    first = names[0] if names else None
    sizes = (len(current[first]), len(reference[first])) if first else (0, 0)
    return Drift(*sizes, features)


def holm(p_values: Sequence[float]) -> list[bool]:
    """Which hypotheses are rejected at the common level.

    >>> holm([0.04, 0.001, 0.5])
    [False, True, False]
    """
    rejected = [False] * len(p_values)
    for rank, place in enumerate(np.argsort(p_values, kind="stable").tolist()):
        if p_values[place] > LEVEL / (len(p_values) - rank):
            break
        rejected[place] = True
    return rejected


def _test(name: str, before: Floats, now: Floats) -> tuple[float, float]:
    from scipy import stats

    if name not in CATEGORIES:
        found = stats.ks_2samp(before, now)
        return float(found.statistic), float(found.pvalue)
    values = np.union1d(before, now)
    if len(values) < 2:
        return 0.0, 1.0
    counts = [[np.count_nonzero(sample == value) for value in values] for sample in (before, now)]
    statistic, p_value, *_ = stats.chi2_contingency(counts)
    return float(statistic), float(p_value)
