"""The hidden life of subscribers: loyal, wavering in three stages, gone; at home or on holiday.

A day moves everyone once: first loyalty (only of those at home), then holidays. All probabilities
depend only on the day, on permanent traits and on the current state, so the future is a Markov
chain whose probabilities `oracle` computes instead of simulating.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flaskapp.cdr.world.population import Floats, Ints, Population

LOYAL, STAGES, GONE = 0, 3, 4
GONE_DAYS = 14
# By state: chance a day to leave for good, to turn loyal again, to reach the next stage.
LEAVE = np.array([0.0, 0.012, 0.045, 0.12, 0.0], np.float32)
RECOVER = np.array([0.0, 0.035, 0.020, 0.010, 0.0], np.float32)
ADVANCE = np.array([0.0, 0.070, 0.090, 0.0, 0.0], np.float32)
# By state, for those whose usage fades: factor on the amount used and on the chance to be active.
FADE_AMOUNT = np.array([1.0, 0.65, 0.40, 0.20, 0.0], np.float32)
FADE_ACTIVITY = np.array([1.0, 0.85, 0.65, 0.45, 0.0], np.float32)
GO_AWAY = 0.003
RETURN = 1 / 12
MAX_WAVER = 0.25
MOOD_MEMORY = 0.97
MOOD_NOISE = 0.08


@dataclass
class Latent:
    """State of each slot: loyalty, holiday, the day of leaving, and a slow mood of usage."""

    state: npt.NDArray[np.int8]
    away: npt.NDArray[np.bool_]
    gone_on: Ints
    mood: Floats


def fresh(count: int) -> Latent:
    """Everyone loyal and at home."""
    return Latent(
        state=np.zeros(count, np.int8),
        away=np.zeros(count, np.bool_),
        gone_on=np.full(count, -1, np.int64),
        mood=np.zeros(count, np.float32),
    )


def waver_chance(population: Population, factor: float) -> Floats:
    """Daily probability that a loyal subscriber begins to waver."""
    chance: Floats = population.wavering * np.float32(factor)
    return np.minimum(chance, np.float32(MAX_WAVER), out=chance)


def step(
    latent: Latent, waver: Floats, away_factor: float, day: int, rng: np.random.Generator
) -> None:
    """Move everyone by one day, in place."""
    count, before = len(latent.state), latent.state.copy()
    draw = rng.random(count, np.float32)
    home = ~latent.away
    leave, recover = LEAVE[before], RECOVER[before]
    stays_wavering = leave + recover
    loyal = before == LOYAL
    latent.state[home & loyal & (draw < waver)] = 1
    wavers = home & ~loyal & (before != GONE)
    latent.state[wavers & (draw < stays_wavering)] = LOYAL
    leaves = wavers & (draw < leave)
    latent.state[leaves] = GONE
    latent.gone_on[leaves] = day
    advances = wavers & (draw >= stays_wavering) & (draw < stays_wavering + ADVANCE[before])
    latent.state[advances] += 1
    toss = rng.random(count, np.float32)
    starts = home & (latent.state != GONE) & (toss < GO_AWAY * away_factor)
    latent.away = (latent.away & (toss >= RETURN)) | starts
    noise = rng.standard_normal(count, np.float32)
    latent.mood = MOOD_MEMORY * latent.mood + np.float32(MOOD_NOISE) * noise


def vacant(latent: Latent, day: int) -> Ints:
    """Slots whose subscriber has been gone for `GONE_DAYS` days."""
    return np.flatnonzero((latent.state == GONE) & (latent.gone_on <= day - GONE_DAYS))


def settle(latent: Latent, slots: Ints) -> None:
    """Reset `slots`: loyal, at home, in a neutral mood."""
    latent.state[slots] = LOYAL
    latent.away[slots] = False
    latent.gone_on[slots] = -1
    latent.mood[slots] = 0.0
