"""A discrete-time hazard as one declarative file: does it happen within k days, for every k.

The chance on the j-th day ahead, given that nothing happened before, is the logistic function of a
sum of terms. P(k) is 1 minus the product of (1 - chance) over the first k days, so it never falls
as k grows. The file is JSON: names, numbers and a fixed set of keys. Reading checks every bound.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np

from lakehouse.errors import ModelError
from lakehouse.models.forest import Floats
from lakehouse.models.hazard_terms import Design, Factor, Term, moves, objection
from lakehouse.models.scoring import Scores
from lakehouse.portable_math import exp

MAX_FEATURES, MAX_TERMS, MAX_DAYS = 256, 1_024, 366
MAX_BYTES = 1_048_576
# Log-odds beyond this are certainty in doubles anyway.
_LIMIT = 700.0


class HazardModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`features` are the inputs in order; among them are `first_day` and `horizon`.

    `first_day` names the input with the first day ahead, in days since 1970-01-01, and `horizon`
    the one with k. `waited` names the input that grows by one with every day ahead, or is empty.
    The log-odds of day j are `intercept` + the sum of the terms + `level` + `slope` * log(j); the
    last two are the recalibration. `low` and `high` are the log-odds by which a probability's
    interval reaches down and up.
    """

    features: tuple[str, ...]
    first_day: str
    horizon: str
    waited: str
    terms: tuple[Term, ...]
    intercept: float
    level: float
    slope: float
    longest: int
    threshold: float
    low: float
    high: float


class HazardScorer:
    """Scores with a hazard model."""

    def __init__(self, model: HazardModel) -> None:
        self.model, self.features, self.threshold = model, model.features, model.threshold
        self._k = model.features.index(model.horizon)
        self._still = [one for one in model.terms if not moves(one)]
        self._moving = [one for one in model.terms if moves(one)]

    def score(self, rows: Floats) -> Scores:
        """The probability that it happens within each row's k days; `raw` is its log-odds.

        A k below 1 counts as 1 and one beyond the longest as the longest; callers that must refuse
        such a k check it before.
        """
        if not len(rows):
            none = np.empty(0)
            return Scores(none, none, none.astype(np.int32))
        k = np.clip(np.nan_to_num(rows[:, self._k], nan=1.0), 1, self.model.longest).astype(int)
        probability = self.curve(rows, int(k.max()))[np.arange(len(rows)), k - 1]
        inside = np.clip(probability, 1e-15, 1 - 1e-15)
        raw = np.log(inside / (1 - inside))
        return Scores(raw, probability, (probability >= self.threshold).astype(np.int32))

    def curve(self, rows: Floats, longest: int) -> Floats:
        """P(1) to P(`longest`) of each row, as a matrix with a column for each k."""
        found = np.empty((len(rows), longest))
        survived = np.ones(len(rows))
        for at, chance in enumerate(self.chances(rows, longest)):
            survived = survived * (1.0 - chance)
            found[:, at] = 1.0 - survived
        return found

    def chances(self, rows: Floats, longest: int) -> Iterator[Floats]:
        """Day by day, the chance on that day ahead, given that nothing happened before."""
        model, design = self.model, Design(self.model, rows)
        still = self._sum(design, self._still) + model.intercept + model.level
        for day in range(1, longest + 1):
            design.on(np.full(len(rows), float(day)))
            raw = still + self._sum(design, self._moving) + model.slope * math.log(day)
            yield 1.0 / (1.0 + exp(-np.clip(raw, -_LIMIT, _LIMIT)))

    def _sum(self, design: Design, terms: list[Term]) -> Floats:
        """The sum of terms. Added one by one, a row's sum does not depend on the other rows."""
        total = np.zeros(design.rows)
        for term in terms:
            total = total + term.coefficient * design.value(term)
        return total

    def interval(self, probability: float) -> tuple[float, float]:
        """The 95 % interval around a probability."""
        inside = min(max(probability, 1e-15), 1 - 1e-15)
        odds = math.log(inside / (1 - inside))
        low, high = (1 / (1 + math.exp(-(odds + by))) for by in (self.model.low, self.model.high))
        return min(low, probability), max(high, probability)

    def contributions(self, rows: Floats) -> None:
        """None: a product over days is no sum over features."""


def encode(model: HazardModel) -> bytes:
    """The model as a file. Raises `ModelError` if it could not be read back."""
    return msgspec.json.format(msgspec.json.encode(_checked(model)), indent=2) + b"\n"


def decode(data: bytes) -> HazardModel:
    """The model that `encode` wrote. Raises `ModelError` for any other file."""
    if len(data) > MAX_BYTES:
        raise _refused(f"{len(data):,} bytes")
    try:
        return _checked(msgspec.json.decode(data, type=HazardModel))
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise _refused(f"{type(error).__name__}: {error}") from None


def load(data: bytes, part: dict[str, Any]) -> HazardScorer:
    """The scorer of a model file; a hazard's part of the manifest is empty."""
    if part:
        raise _refused(f"details {sorted(part)[:3]} in the manifest")
    return HazardScorer(decode(data))


def _checked(model: HazardModel) -> HazardModel:
    width = len(model.features)
    if not 0 < width <= MAX_FEATURES or len(set(model.features)) < width:
        raise _refused(f"{width} features, or one of them twice")
    roles = {model.first_day, model.horizon, *([model.waited] if model.waited else [])}
    if roles - set(model.features) or model.first_day == model.horizon:
        raise _refused(f"features without {sorted(roles - set(model.features)) or 'two days'}")
    if not 0 < len(model.terms) <= MAX_TERMS:
        raise _refused(f"{len(model.terms)} terms")
    if wrong := next(filter(None, (objection(one, model.features) for one in model.terms)), None):
        raise _refused(wrong)
    numbers = (model.intercept, model.level, model.slope, model.threshold, model.low, model.high)
    if not all(map(math.isfinite, numbers)):
        raise _refused("numbers that are not finite")
    if not 1 <= model.longest <= MAX_DAYS:
        raise _refused(f"a longest horizon of {model.longest} days")
    if not 0 <= model.threshold <= 1 or not model.low <= 0 <= model.high:
        raise _refused("a threshold that is no probability, or an interval beside it")
    return model


def _refused(got: str) -> ModelError:
    return ModelError(
        "model file", "a hazard as cdrlake writes it", got[:200], "register the model again"
    )


__all__ = ["Factor", "HazardModel", "HazardScorer", "Term", "decode", "encode", "load"]
