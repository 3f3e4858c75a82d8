"""One day of usage: who is active, and how many calls, texts and sessions they make."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import numpy.typing as npt
import polars as pl

from flaskapp.cdr.world import season
from flaskapp.cdr.world.drift import Effect
from flaskapp.cdr.world.latent import FADE_ACTIVITY, FADE_AMOUNT, GONE, LOYAL, Latent
from flaskapp.cdr.world.population import MAX_ACTIVITY, Floats, Ints, Population
from lakehouse.domains.cdr.contracts import MEASURE_NAMES

DARK_ACTIVITY = 0.03
MAX_COUNT = 5_000.0
DAY_NOISE = 0.35
MAX_SECONDS = 40_000.0
TIMES = season.time_of_day()


def activity_chance(
    population: Population, state: npt.NDArray[np.int8], effect: Effect, pull: Floats
) -> Floats:
    """Probability that a subscriber in `state` at home is active; `pull` is the day's factor."""
    chance = population.activity * pull[population.segment]
    chance *= np.where(population.fader, FADE_ACTIVITY[state], np.float32(1))
    np.minimum(chance, MAX_ACTIVITY, out=chance)
    if effect.dark_region >= 0:
        chance[population.region == effect.dark_region] *= DARK_ACTIVITY
    chance[state == GONE] = 0.0
    return chance


def day_pull(factors: Floats) -> Floats:
    """Factor on the probability of activity: a softened form of the factor on amounts."""
    return np.sqrt(factors)


def draw_day(
    population: Population,
    latent: Latent,
    effect: Effect,
    factors: Floats,
    rng: np.random.Generator,
) -> tuple[Ints, dict[str, Floats]]:
    """Slots active on the day, and their counts, seconds and megabytes."""
    chance = activity_chance(population, latent.state, effect, day_pull(factors))
    chance[latent.away] = 0.0
    slots = np.flatnonzero(rng.random(len(chance), np.float32) < chance)
    amount = _level(population, latent, slots, effect, factors, rng)
    rates = {
        "DP_MOC_COUNT": population.calls_out[slots] * amount * np.float32(effect.calls),
        "DP_MTC_COUNT": population.calls_in[slots] * amount * np.float32(effect.calls),
        "DP_MOSMS_COUNT": population.texts_out[slots] * amount * np.float32(effect.texts),
        "DP_MTSMS_COUNT": population.texts_in[slots] * amount * np.float32(effect.texts),
        "DP_DATA_COUNT": population.sessions[slots] * amount * np.float32(effect.sessions),
    }
    counts = {name: _whole(rate, rng) for name, rate in rates.items()}
    idle = sum(counts.values()) == 0
    counts["DP_DATA_COUNT"][idle] = 1.0
    seconds, megabytes = population.call_seconds[slots], population.megabytes[slots]
    return slots, counts | {
        "DP_MOC_DURATION": _seconds(_noisy(seconds * counts["DP_MOC_COUNT"], 0.5, rng)),
        "DP_MTC_DURATION": _seconds(_noisy(seconds * counts["DP_MTC_COUNT"], 0.5, rng)),
        "DP_DATA_VOLUME": _noisy(megabytes * counts["DP_DATA_COUNT"], 0.8, rng)
        * np.float32(effect.volume),
    }


def _level(
    population: Population,
    latent: Latent,
    slots: Ints,
    effect: Effect,
    factors: Floats,
    rng: np.random.Generator,
) -> Floats:
    """Factor on the usual amounts of each slot."""
    usual: Floats = latent.mood[slots] + np.float32(DAY_NOISE) * rng.standard_normal(
        len(slots), np.float32
    )
    np.exp(usual, out=usual)
    usual *= factors[population.segment[slots]]
    fade = np.where(population.fader, FADE_AMOUNT[latent.state], np.float32(1))
    shown = _turned(fade, latent.state) if effect.is_signal_turned else fade
    usual *= shown[slots]
    return usual


def _turned(fade: Floats, state: npt.NDArray[np.int8]) -> Floats:
    """Amounts fade for loyal subscribers instead, each like a wavering neighbour in the slots.

    As much fades as before and for as long, so the distribution of usage is unchanged: only the
    meaning of fading usage is reversed.
    """
    neighbour = np.minimum(np.arange(len(state)) ^ 1, len(state) - 1)
    wavers = (state[neighbour] != LOYAL) & (state[neighbour] != GONE)
    return np.where((state == LOYAL) & wavers, fade[neighbour], np.float32(1))


def _whole(rates: Floats, rng: np.random.Generator) -> Floats:
    """Whole counts whose mean is the rate: the fraction is rounded at random. Changes `rates`."""
    rates += rng.random(len(rates), np.float32)
    np.floor(rates, out=rates)
    return np.minimum(rates, np.float32(MAX_COUNT), out=rates)


def _noisy(means: Floats, sigma: float, rng: np.random.Generator) -> Floats:
    """`means` times lognormal noise. Changes `means`."""
    means *= np.exp(np.float32(sigma) * rng.standard_normal(len(means), np.float32))
    return means


def _seconds(seconds: Floats) -> Floats:
    np.ceil(seconds, out=seconds)
    return np.minimum(seconds, np.float32(MAX_SECONDS), out=seconds)


def to_frame(
    numbers: pl.Series,
    measures: dict[str, npt.NDArray[np.float32]],
    span: tuple[datetime, datetime],
    rng: np.random.Generator,
) -> pl.DataFrame:
    """The day's rows in order of time; counts whole, volumes in thousandths."""
    start, end = span
    count = len(numbers)
    stretch = (end - start).total_seconds() / 86_400
    offsets = TIMES[rng.integers(0, len(TIMES), count, np.uint16)].astype(np.int64)
    offsets += rng.integers(0, 20_000, count, np.uint16)
    millis = (np.minimum(offsets, 86_399_999) * stretch).astype(np.int64)
    volume = measures["DP_DATA_VOLUME"].astype(np.float64)
    columns = {
        "DP_DATE": int(start.timestamp() * 1000) + millis,
        "DP_MSISDN": numbers,
        **{
            name: values.astype(np.int64 if name.endswith("COUNT") else np.float64)
            for name, values in measures.items()
        },
        "DP_DATA_VOLUME": np.round(volume, 3),
    }
    moment = pl.col("DP_DATE").cast(pl.Datetime("ms", "UTC"))
    ordered = pl.DataFrame(columns).with_columns(moment).sort("DP_DATE", "DP_MSISDN")
    return ordered.select("DP_DATE", "DP_MSISDN", *MEASURE_NAMES)
