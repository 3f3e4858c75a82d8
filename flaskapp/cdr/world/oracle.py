"""The true probability of silence, by recursion over the Markov chain instead of simulation.

A subscriber in a state (loyalty, at home or away) on the evening of D is silent the next day with
the probability of not being active in the state that day leads to; multiplied backwards over the
horizon, this gives the probability of pseudo-churn, which no model can beat on average.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flaskapp.cdr.world.drift import Effect
from flaskapp.cdr.world.latent import (
    ADVANCE,
    GO_AWAY,
    GONE,
    LEAVE,
    LOYAL,
    RECOVER,
    RETURN,
    STAGES,
    waver_chance,
)
from flaskapp.cdr.world.population import Floats, Population
from flaskapp.cdr.world.usage import activity_chance, day_pull

STATES = range(GONE + 1)
Table = npt.NDArray[np.float64]


@dataclass(frozen=True)
class DayRule:
    """The effect of one calendar day and its drifts on everyone's probabilities."""

    effect: Effect
    factors: Floats
    waver: float
    away: float


def silence(population: Population, rules: Sequence[DayRule]) -> Table:
    """Probability of silence on all days of `rules`; shape (states, home or away, subscribers)."""
    ahead = np.ones((len(STATES), 2, len(population.identity)))
    for rule in reversed(rules):
        silent = ahead.copy()
        for state in STATES:
            silent[state, 0] *= 1.0 - activity(population, state, rule)
        ahead = _expected(population, rule, silent)
    return ahead


def base_rate(population: Population, rule: DayRule, horizon: int, window: int) -> float:
    """Long-run share of pseudo-churners among those active in the last `window` days."""
    present = _settled(population, rule)
    idle, lively = present, np.zeros_like(present)
    for _ in range(window):
        idle, lively = moved(population, rule, idle), moved(population, rule, lively)
        active = np.zeros_like(idle)
        for state in STATES:
            active[state, 0] = activity(population, state, rule)
        lively = lively + idle * active
        idle = idle * (1 - active)
    churn = silence(population, [rule] * horizon)
    return float((lively * churn).sum() / lively.sum())


def calibrated(rate: float, rate_of: Callable[[float], float]) -> float:
    """The factor on wavering for which `rate_of(factor)` is `rate`, by bisection of its logarithm.

    If the target is out of reach, the nearest end of the range is returned.
    """
    low, high = np.log(1e-4), np.log(0.2)
    for _ in range(18):
        middle = (low + high) / 2
        low, high = (middle, high) if rate_of(float(np.exp(middle))) < rate else (low, middle)
    return float(np.exp((low + high) / 2))


def activity(population: Population, state: int, rule: DayRule) -> Floats:
    """Probability that each subscriber, in this state and at home, is active on the day."""
    states = np.full(len(population.identity), state, np.int8)
    return activity_chance(population, states, rule.effect, day_pull(rule.factors))


def holiday(rule: DayRule) -> float:
    """Probability that somebody at home leaves for a holiday on the day."""
    return GO_AWAY * rule.away


def loyalty(population: Population, rule: DayRule) -> list[dict[int, Floats | float]]:
    """For each state: the probabilities of the states that a day at home leads to."""
    waver = waver_chance(population, rule.waver)
    moves: list[dict[int, Floats | float]] = [{LOYAL: 1 - waver, 1: waver}]
    for state in range(1, STAGES + 1):
        leave, recover, on = (float(table[state]) for table in (LEAVE, RECOVER, ADVANCE))
        move: dict[int, Floats | float] = {
            state: 1 - leave - recover - on,
            LOYAL: recover,
            GONE: leave,
        }
        moves.append(move | ({state + 1: on} if on else {}))
    return [*moves, {GONE: 1.0}]


def _expected(population: Population, rule: DayRule, value: Table) -> Table:
    go = holiday(rule)
    after = np.empty_like(value)
    ahead = (1 - go) * value[:, 0] + go * value[:, 1]
    ahead[GONE] = value[GONE, 0]
    for state, moves in enumerate(loyalty(population, rule)):
        after[state, 0] = sum(chance * ahead[to] for to, chance in moves.items())
    after[:, 1] = RETURN * value[:, 0] + (1 - RETURN) * value[:, 1]
    return after


def moved(population: Population, rule: DayRule, share: Table) -> Table:
    """A distribution over the states, of the shape that `silence` returns, a day later."""
    go = holiday(rule)
    home = np.zeros_like(share[:, 0])
    for state, moves in enumerate(loyalty(population, rule)):
        for to, chance in moves.items():
            home[to] += chance * share[state, 0]
    leaving = go * home
    leaving[GONE] = 0.0
    moved = np.empty_like(share)
    moved[:, 0] = home - leaving + RETURN * share[:, 1]
    moved[:, 1] = leaving + (1 - RETURN) * share[:, 1]
    return moved


def _settled(population: Population, rule: DayRule, days: int = 270) -> Table:
    """Long-run distribution of subscribers, with newcomers of all kinds replacing leavers."""
    share = np.zeros((len(STATES), 2, len(population.identity)))
    share[LOYAL, 0] = 1.0
    for _ in range(days):
        share = moved(population, rule, share)
        share[LOYAL, 0] += share[GONE, 0].mean()
        share[GONE] = 0.0
    return share
