"""The compiled loop of the Bayes filter: one subscriber's days, under all kinds at once.

A kind is a set of permanent traits that no event shows. Under each kind the chain of `latent` is
followed exactly; the amount used, which depends on the slow mood and on the subscriber's usual
level, is followed by a Kalman filter for each state of loyalty. Where several states lead to one,
their Gaussians become one of the same mean and covariance.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from flaskapp.cdr.world.latent import GONE, MOOD_MEMORY, MOOD_NOISE, RETURN
from flaskapp.cdr.world.usage import DAY_NOISE
from lakehouse.compiled import compiled

Floats = npt.NDArray[np.float64]
SILENT = -1.0
_MEMORY, _MOOD, _NOISE = float(MOOD_MEMORY), float(MOOD_NOISE) ** 2, float(DAY_NOISE) ** 2
_BACK = float(RETURN)
# Variance of a day's sum of counts that comes from rounding each of them at random.
_ROUNDING = 0.8
_NOBODY = 1e-300


class Laws(NamedTuple):
    """Everything of the world that the filter knows, by day, kind and state.

    `moves` [days, kinds, 5, 5] are the chances of loyalty from a state to another in a day at home,
    `go` [days] that of a holiday, `active` [days, kinds, 5] that of usage, `season` [days, kinds]
    the logarithm of the day's factor and `fade` [kinds, 5] that of the state's on amounts;
    `level` [kinds, 2] are mean and variance of the logarithm of the usual amount.
    """

    moves: Floats
    go: Floats
    active: Floats
    season: Floats
    fade: Floats
    level: Floats


@compiled
def follow(
    laws: Laws, before: Floats, mood: float, amounts: Floats, first: int, silence: Floats
) -> Floats:
    """The probability of silence on the evening of the last days of `amounts`.

    `before` [kinds, 5, 2] is the belief on the evening before day `first`, `mood` the variance of
    the mood then, `amounts` the sum of counts of each day from `first` on, `SILENT` where there is
    no usage. `silence` [days, kinds, 5, 2] is what the states of each of the last days lead to.
    """
    kinds, asked = before.shape[0], silence.shape[0]
    belief = before.copy()
    moments = np.zeros((kinds, 4, 5))  # by state: two means, three covariances
    for kind in range(kinds):
        moments[kind, :, 0] = laws.level[kind, 0]
        moments[kind, :, 2] = laws.level[kind, 1]
        moments[kind, :, 4] = mood
    found, mixed, spare = np.zeros(asked), np.zeros((4, 5)), np.zeros(5)
    for number in range(len(amounts)):
        day = first + number
        for kind in range(kinds):
            states = 4 if laws.fade[kind, 1] != 0 else 1
            _mix(laws.moves[day, kind], belief[kind], moments[kind], mixed, spare, states)
            _move(laws.moves[day, kind], laws.go[day], belief[kind], spare)
            _observe(laws, day, kind, amounts[number], belief[kind], moments[kind])
        belief /= belief.sum()
        place = number - (len(amounts) - asked)
        if place >= 0:
            found[place] = (belief * silence[place]).sum()
    return found


@compiled
def _move(moves: Floats, go: float, belief: Floats, home: Floats) -> None:
    """Every possible state a day later: loyalty first, only of those at home, then holidays."""
    for to in range(5):
        home[to] = 0.0
        for state in range(5):
            home[to] += moves[state, to] * belief[state, 0]
    for to in range(5):
        leaving = go * home[to] if to != GONE else 0.0
        away = belief[to, 1]
        belief[to, 0] = home[to] - leaving + _BACK * away
        belief[to, 1] = leaving + (1 - _BACK) * away


@compiled
def _mix(
    moves: Floats, belief: Floats, moments: Floats, mixed: Floats, share: Floats, states: int
) -> None:
    """What is known of level and mood in each state a day later; one state stands for all where
    nothing fades. A state that nobody comes to keeps what it had."""
    for to in range(states if states > 1 else 0):
        total = 0.0
        for state in range(states):
            share[state] = moves[state, to] * belief[state, 0]
            if state == to:
                share[state] += belief[state, 1]
            total += share[state]
        if total <= _NOBODY:
            mixed[to] = moments[to]
            continue
        level = mood = 0.0
        for state in range(states):
            share[state] /= total
            level += share[state] * moments[state, 0]
            mood += share[state] * moments[state, 1]
        wide = joint = moody = 0.0
        for state in range(states):
            apart, off = moments[state, 0] - level, moments[state, 1] - mood
            wide += share[state] * (moments[state, 2] + apart * apart)
            joint += share[state] * (moments[state, 3] + apart * off)
            moody += share[state] * (moments[state, 4] + off * off)
        mixed[to, 0], mixed[to, 1], mixed[to, 2] = level, mood, wide
        mixed[to, 3], mixed[to, 4] = joint, moody
    for to in range(states):
        if states > 1:
            moments[to] = mixed[to]
        moments[to, 1] *= _MEMORY
        moments[to, 3] *= _MEMORY
        moments[to, 4] = _MEMORY * _MEMORY * moments[to, 4] + _MOOD


@compiled
def _observe(
    laws: Laws, day: int, kind: int, amount: float, belief: Floats, moments: Floats
) -> None:
    """Weigh every state of a kind by how well it explains the day."""
    active = laws.active[day, kind]
    if amount == SILENT:
        for state in range(5):
            belief[state, 0] *= 1 - active[state]
        return
    belief[:, 1] = 0.0
    belief[GONE, 0] = 0.0
    noise = _NOISE + _ROUNDING / (amount * amount)
    usual = np.log(amount) - laws.season[day, kind]
    density = 1.0
    for state in range(GONE):
        if state == 0 or laws.fade[kind, state] != 0:
            known = moments[state]
            error = usual - laws.fade[kind, state] - known[0] - known[1]
            left, right = known[2] + known[3], known[3] + known[4]
            spread = left + right + noise
            density = max(np.exp(-0.5 * error * error / spread) / np.sqrt(spread), 1e-30)
            known[0] += left / spread * error
            known[1] += right / spread * error
            known[2] -= left * left / spread
            known[3] -= left * right / spread
            known[4] -= right * right / spread
        belief[state, 0] *= active[state] * density
