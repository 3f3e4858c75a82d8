"""Fits a hazard by Newton's method; the sums over person-days are taken in parts.

A part is a frame of rows with `wait` and `seen`; in Spark it is what a task has. Only sums leave
a task: the gradient, the curvature and the loss.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import msgspec
import numpy as np
import polars as pl

from lakehouse.models.forest import Floats
from lakehouse.models.hazard import HazardModel
from lakehouse.models.hazard_terms import Design, Term
from pyspark_jobs.segments.person_days import PersonDays, person_days

RIDGE, STEPS, TOLERANCE = 3.0, 25, 1e-2
_LIMIT = 30.0
Part = Callable[[pl.DataFrame], Floats]
# Applies a function of a frame to all parts, wherever they are, and returns what it gave.
Gather = Callable[[Part], Iterable[Floats]]


@dataclass(frozen=True)
class Fitted:
    """The model, and the number of person-days and purchases that it was fitted on."""

    model: HazardModel
    days: float
    purchases: float


def here(rows: pl.DataFrame) -> Gather:
    """All rows as one part, in this process."""
    return lambda part: [part(rows)]


def fit(blank: HazardModel, gather: Gather) -> Fitted:
    """Fit the terms of `blank`, whose coefficients, means and scales are not looked at."""
    moments = _total(gather, lambda rows: _moments(blank, rows))
    weight, purchases = moments[0, :2]
    mean = moments[1] / weight
    scale = np.sqrt(np.maximum(moments[2] / weight - mean**2, 0.0)) + 1e-9
    scaled = tuple(
        msgspec.structs.replace(one, mean=float(m), scale=float(s), coefficient=0.0)
        for one, m, s in zip(blank.terms, mean, scale, strict=True)
    )
    shaped = msgspec.structs.replace(blank, terms=scaled)
    first = np.zeros(len(scaled) + 1)
    first[-1] = np.log(purchases / (weight - purchases))
    ridge = np.full(len(first), RIDGE)
    ridge[-1] = 0.0
    best = newton(lambda beta: _total(gather, lambda rows: _sums(shaped, rows, beta)), first, ridge)
    terms = tuple(
        msgspec.structs.replace(one, coefficient=float(value))
        for one, value in zip(scaled, best[:-1], strict=True)
    )
    model = msgspec.structs.replace(shaped, terms=terms, intercept=float(best[-1]))
    return Fitted(model, float(weight), float(purchases))


def recalibrate(model: HazardModel, gather: Gather) -> HazardModel:
    """The model with its level and slope fitted to other, newer person-days.

    Two numbers move; the chances of a day ahead stay between 0 and 1, so P(k) still never falls.
    """
    plain = msgspec.structs.replace(model, level=0.0, slope=0.0)
    weak = np.full(2, RIDGE)
    best = newton(
        lambda beta: _total(gather, lambda rows: _shift(plain, rows, beta)), np.zeros(2), weak
    )
    return msgspec.structs.replace(model, level=float(best[0]), slope=float(best[1]))


def _total(gather: Gather, part: Part) -> Floats:
    total: Floats = np.sum(np.stack([*gather(part)]), axis=0)
    return total


def newton(sums: Callable[[Floats], Floats], start: Floats, ridge: Floats) -> Floats:
    """Minimise a penalised logistic loss whose sums are given; halves a step that does not help."""
    beta, found = start, sums(start)
    for _ in range(STEPS):
        gradient, curvature, loss = _with_penalty(found, beta, ridge)
        step = np.linalg.solve(curvature, gradient)
        length, better = 1.0, sums(beta + step)
        while _with_penalty(better, beta + length * step, ridge)[2] > loss and length > 1e-3:
            length /= 2
            better = sums(beta + length * step)
        beta, found = beta + length * step, better
        if loss - _with_penalty(found, beta, ridge)[2] < TOLERANCE:
            break
    return beta


def _with_penalty(sums: Floats, beta: Floats, ridge: Floats) -> tuple[Floats, Floats, float]:
    width = len(beta)
    curvature = sums[:width] + np.diag(ridge + 1e-9)
    loss = float(sums[width + 1, 0] + 0.5 * (ridge * beta**2).sum())
    return sums[width] - ridge * beta, curvature, loss


def _design(model: HazardModel, days: PersonDays) -> Floats:
    design = Design(model, days.inputs).on(days.day)
    return np.column_stack([design.value(one) for one in model.terms])


def _moments(blank: HazardModel, rows: pl.DataFrame) -> Floats:
    """Rows: (weight, purchases, 0...), weighted sums, weighted sums of squares."""
    days = person_days(rows, blank.features)
    plain: tuple[Term, ...] = tuple(Term(factors=one.factors) for one in blank.terms)
    values = _design(msgspec.structs.replace(blank, terms=plain), days)
    counts = np.zeros(values.shape[1])
    counts[:2] = days.weight.sum(), days.bought.sum()
    return np.stack([counts, days.weight @ values, days.weight @ values**2])


def _sums(model: HazardModel, rows: pl.DataFrame, beta: Floats) -> Floats:
    days = person_days(rows, model.features)
    values = _design(model, days)
    return _logistic(np.column_stack([values, np.ones(len(values))]), days, beta, 0.0)


def _shift(model: HazardModel, rows: pl.DataFrame, beta: Floats) -> Floats:
    days = person_days(rows, model.features)
    coefficients = np.array([one.coefficient for one in model.terms])
    offset = _design(model, days) @ coefficients + model.intercept
    return _logistic(
        np.column_stack([np.ones(len(days.day)), np.log(days.day)]), days, beta, offset
    )


def _logistic(design: Floats, days: PersonDays, beta: Floats, offset: Floats | float) -> Floats:
    """Curvature, gradient and loss as one matrix, so that parts add up."""
    raw = np.clip(design @ beta + offset, -_LIMIT, _LIMIT)
    chance = 1.0 / (1.0 + np.exp(-raw))
    curvature = (design * (days.weight * chance * (1 - chance))[:, None]).T @ design
    gradient = design.T @ (days.weight * (days.bought - chance))
    last = np.zeros(len(beta))
    last[0] = (days.weight * (np.logaddexp(0.0, raw) - days.bought * raw)).sum()
    return np.vstack([curvature, gradient, last])
