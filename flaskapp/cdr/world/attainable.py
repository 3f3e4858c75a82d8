"""The attainable bound: what someone knows of silence who knows the world's laws and the events.

The oracle knows each subscriber's hidden state, which no data shows. A Bayes filter knows only how
the world works in general, and what the lake sees: who used how much on which day. Segment, region
and all other traits stay hidden, because no table of the lake has them as columns. Nothing that
learns from the lake can rank much better, so the gap to it is what features or method miss.

The filter is not exact: traits are on a grid of kinds, and amounts are followed by Gaussians. Its
bound can therefore be slightly too low, never too high but by chance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from statistics import NormalDist

import numpy as np
import polars as pl

from flaskapp.cdr.world import bayes_kernel, oracle
from flaskapp.cdr.world.bayes_kernel import SILENT, Floats, Laws
from flaskapp.cdr.world.latent import FADE_AMOUNT, GONE, LOYAL, MOOD_MEMORY, MOOD_NOISE
from flaskapp.cdr.world.oracle import STATES, DayRule
from flaskapp.cdr.world.population import MAX_ACTIVITY, Population, draw
from flaskapp.cdr.world.segments import SEGMENTS
from flaskapp.cdr.world.world import World

# Quantiles of activity and of wavering within a segment, each the middle of an equal share. Finer
# grids (5 and 3) change the ROC-AUC of the bound by less than 0.0001.
ACTIVITIES, WAVERINGS = 4, 1
FADERS, FADER_SHARE = (True, False), 0.6
ACTIVITY_SPREAD, WAVERING_SPREAD = 0.7, 0.6
# Who is seen within the first days was there before; whoever comes later is new.
RESIDENT_DAYS = 14
SETTLING_DAYS = 180
SAMPLE, SAMPLE_SEED = 20_000, 0
THREADS = 2


@dataclass(frozen=True)
class Kinds:
    """Traits that a subscriber may have, and how many newcomers have them."""

    population: Population
    share: Floats


def kinds() -> Kinds:
    """Every segment with every activity and wavering of the grid, fading or not."""
    steps, waves = _middles(ACTIVITIES), _middles(WAVERINGS)
    grid = list(product(range(len(SEGMENTS)), FADERS, steps, waves))
    segment, fader, step, wave = (np.array(column) for column in zip(*grid, strict=True))
    count = len(grid)
    people = draw(np.arange(count), np.zeros(count, np.int64), np.random.default_rng(SAMPLE_SEED))
    share, activity, wavering = (
        np.array([getattr(one, name) for one in SEGMENTS])[segment]
        for name in ("share", "activity", "wavering")
    )
    odds = activity / (1 - activity) * np.exp(ACTIVITY_SPREAD * step)
    people.segment = segment.astype(np.int8)
    people.fader = fader
    people.activity = np.minimum(odds / (1 + odds), MAX_ACTIVITY).astype(np.float32)
    people.wavering = wavering * np.exp(WAVERING_SPREAD * wave - WAVERING_SPREAD**2 / 2)
    share = share * np.where(fader, FADER_SHARE, 1 - FADER_SHARE)
    return Kinds(people, share / share.sum())


def _middles(count: int) -> Floats:
    """Standard normal values in the middle of equal shares."""
    return np.array([NormalDist().inv_cdf((place + 0.5) / count) for place in range(count)])


def silence_probability(world: World, usage: pl.DataFrame, asked: range) -> pl.DataFrame:
    """DP_MSISDN, `day` and the `probability` of silence over the horizon after each day of `asked`.

    `usage` has DP_MSISDN, the number of the `day`, and its `amount`, the sum of all counts, from
    day 0 on. Subscribers have a row for each day asked for on or after their first usage.
    """
    horizon = world.horizon.label_days
    rules = [world.rule(day) for day in range(asked.stop + horizon)]
    found = kinds()
    laws = _laws(found, rules)
    ahead = [rules[day + 1 : day + 1 + horizon] for day in asked]
    tables = np.stack([_kinds_first(oracle.silence(found.population, each)) for each in ahead])
    resident = _kinds_first(_settled(found, rules[0]))
    newcomer = np.zeros_like(resident)
    newcomer[:, LOYAL, 0] = found.share
    mood = MOOD_NOISE**2 / (1 - MOOD_MEMORY**2)

    def one(user: str, days: Floats, amounts: Floats) -> pl.DataFrame:
        seen = int(days.min())
        is_resident = seen < RESIDENT_DAYS
        first = 0 if is_resident else seen
        series = np.full(asked.stop - first, SILENT)
        series[days.astype(int) - first] = np.maximum(amounts, 1.0)
        wanted = range(max(asked.start, seen), asked.stop)
        chances = bayes_kernel.follow(
            laws, resident if is_resident else newcomer, mood if is_resident else 0.0, series,
            first, tables[len(asked) - len(wanted) :],
        )  # fmt: skip
        return pl.DataFrame({"DP_MSISDN": user, "day": list(wanted), "probability": chances})

    people = _by_subscriber(usage.filter(pl.col("day") < asked.stop))
    with ThreadPoolExecutor(THREADS) as threads:
        return pl.concat(threads.map(lambda each: one(*each), people))


def _by_subscriber(usage: pl.DataFrame) -> Iterator[tuple[str, Floats, Floats]]:
    parts = usage.group_by("DP_MSISDN", maintain_order=True).agg("day", "amount")
    for user, days, amounts in parts.iter_rows():
        yield user, np.array(days, float), np.array(amounts, float)


def _laws(found: Kinds, rules: Sequence[DayRule]) -> Laws:
    people, count = found.population, len(found.share)
    moves = np.zeros((len(rules), count, len(STATES), len(STATES)))
    for day, rule in enumerate(rules):
        for state, chances in enumerate(oracle.loyalty(people, rule)):
            for to, chance in chances.items():
                moves[day, :, state, to] = chance
    active = [[oracle.activity(people, state, rule) for state in STATES] for rule in rules]
    factors = np.stack([rule.factors for rule in rules])
    fade = np.log(np.maximum(FADE_AMOUNT, 1e-9)) * people.fader[:, None]
    return Laws(
        moves,
        np.array([oracle.holiday(rule) for rule in rules]),
        np.array(active, float).transpose(0, 2, 1).copy(),
        np.log(factors)[:, people.segment].astype(float),
        fade.astype(float),
        _levels(people),
    )


def _kinds_first(table: Floats) -> Floats:
    """A table by state, home or away, and kind, with the kinds in front."""
    return np.ascontiguousarray(np.moveaxis(table, -1, 0))


def _levels(people: Population) -> Floats:
    """Mean and variance of the logarithm of the usual daily sum of counts, by kind."""
    rng = np.random.default_rng(SAMPLE_SEED)
    some = draw(np.arange(SAMPLE), np.zeros(SAMPLE, np.int64), rng)
    usual = np.log(some.calls_out + some.calls_in + some.texts_out + some.texts_in + some.sessions)
    of = [usual[some.segment == kind] for kind in range(len(SEGMENTS))]
    levels = np.array([[float(each.mean()), float(each.var())] for each in of])
    return levels[people.segment]


def _settled(found: Kinds, rule: DayRule) -> Floats:
    """Long-run distribution over states and kinds, with newcomers replacing those who leave."""
    share = np.zeros((len(STATES), 2, len(found.share)))
    share[LOYAL, 0] = found.share
    for _ in range(SETTLING_DAYS):
        share = oracle.moved(found.population, rule, share)
        share[LOYAL, 0] += found.share * share[GONE].sum()
        share[GONE] = 0.0
    return share
