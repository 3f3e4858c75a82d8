"""The terms of a hazard: products of logarithms, bends in them, and days of the week."""

from __future__ import annotations

import math
from typing import Protocol

import msgspec
import numpy as np

from lakehouse.models.forest import Floats
from lakehouse.portable_math import log1p

# What a factor may be of, beside the features: days ahead, days waited by then, day of the week
# (0 = Monday).
DAY, WAITED, WEEKDAY = "@day", "@waited", "@weekday"
MAX_FACTORS = 4
# 1970-01-01 was a Thursday.
_EPOCH_WEEKDAY = 3


class Factor(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """log(1 + x) of the input `of`, less that of the input `less` if one is named.

    With a `knot` it is what of that exceeds the knot, or 0. With `least` it is 1 where the input
    itself is at least that, else 0. Inputs below 0 count as 0.
    """

    of: str
    less: str = ""
    knot: float | None = None
    least: float | None = None


class Term(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`coefficient` * (the product of the factors - `mean`) / `scale`."""

    factors: tuple[Factor, ...]
    coefficient: float = 0.0
    mean: float = 0.0
    scale: float = 1.0


class Inputs(Protocol):
    """The part of a hazard model that says what its inputs are."""

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the inputs, in order."""
        ...

    @property
    def first_day(self) -> str:
        """The input with the first day ahead, in days since 1970-01-01."""
        ...

    @property
    def waited(self) -> str:
        """The input that grows with every day ahead; empty if there is none."""
        ...

    @property
    def terms(self) -> tuple[Term, ...]:
        """The terms."""
        ...


class Design:
    """Values of terms for some rows; logarithms of the features are taken once.

    `rows` is a matrix with a column for each feature.
    """

    def __init__(self, inputs: Inputs, rows: Floats) -> None:
        self._inputs = inputs
        self._raw = {name: rows[:, at] for at, name in enumerate(inputs.features)}
        self._logs: dict[str, Floats] = {}
        self.rows = len(rows)

    def on(self, day: Floats) -> Design:
        """Set the day ahead of each row, from 1; the terms that depend on it change."""
        waited, first = self._inputs.waited, self._inputs.first_day
        self._raw[DAY] = day
        self._raw[WAITED] = self._raw[waited] + day if waited else day
        self._raw[WEEKDAY] = (self._raw[first] + day - 1 + _EPOCH_WEEKDAY) % 7
        for name in (DAY, WAITED, WEEKDAY):
            self._logs.pop(name, None)
        return self

    def value(self, term: Term) -> Floats:
        """The scaled product of a term, for each row; a missing input counts as the mean."""
        product = np.ones(self.rows)
        for factor in term.factors:
            product = product * self._factor(factor)
        return np.nan_to_num((product - term.mean) / term.scale)

    def _factor(self, factor: Factor) -> Floats:
        if factor.least is not None:
            step: Floats = (self._raw[factor.of] >= factor.least).astype(np.float64)
            return step
        value = self._log(factor.of)
        if factor.less:
            value = value - self._log(factor.less)
        return value if factor.knot is None else np.maximum(value - factor.knot, 0.0)

    def _log(self, name: str) -> Floats:
        if name not in self._logs:
            self._logs[name] = log1p(np.maximum(self._raw[name], 0.0))
        return self._logs[name]


def moves(term: Term) -> bool:
    """Whether a term changes from one day ahead to the next."""
    return any(name.startswith("@") for one in term.factors for name in (one.of, one.less))


def objection(term: Term, features: tuple[str, ...]) -> str | None:
    """What is wrong with a term; None if nothing is."""
    known = {*features, DAY, WAITED, WEEKDAY}
    if not 0 < len(term.factors) <= MAX_FACTORS:
        return f"a term of {len(term.factors)} factors"
    if odd := {one.of for one in term.factors} - known:
        return f"a factor of {min(odd)!r}, which is no feature"
    if odd := {one.less for one in term.factors} - known - {""}:
        return f"a factor less {min(odd)!r}, which is no feature"
    bends = [x for one in term.factors for x in (one.knot, one.least) if x is not None]
    if not all(map(math.isfinite, (term.coefficient, term.mean, term.scale, *bends))):
        return "numbers that are not finite"
    return None if term.scale > 0 else "a scale that is not above 0"
