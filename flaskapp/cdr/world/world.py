"""The world: day after day of usage from one seed, with drifts and the true odds of silence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from flaskapp.cdr.world import latent as life
from flaskapp.cdr.world import oracle, season
from flaskapp.cdr.world.drift import Drift, Effect, combined
from flaskapp.cdr.world.population import Ints, Population, draw, msisdn
from flaskapp.cdr.world.segments import REGIONS, SEGMENTS
from flaskapp.cdr.world.usage import draw_day, to_frame
from lakehouse.domains.cdr.settings import WorldSettings

BURN_IN_DAYS = 180
CALIBRATION_SUBSCRIBERS, CALIBRATION_SEED = 800, 0
CALIBRATION_YEAR = date(2026, 1, 1)
MEAN_TENURE_DAYS = 700.0
# What a random stream is for; part of its seed, so that none depends on how often another is used.
_BIRTH, _LIFE, _USAGE = 1, 2, 3


@dataclass(frozen=True)
class Horizon:
    """Days of silence that make a pseudo-churner, and days of activity that make a candidate."""

    label_days: int = 30
    window_days: int = 7


@dataclass(frozen=True)
class WorldDay:
    """One day: its rows, and the subscribers activated on it."""

    number: int
    date: date
    events: pl.DataFrame
    activations: pl.DataFrame


@dataclass
class _Moment:
    """Where the simulation stands; belongs to one iteration and is never shared."""

    population: Population
    latent: life.Latent
    numbers: pl.Series
    born: int


@dataclass(frozen=True)
class World:
    """A population of constant size, a value: the same arguments give the same rows, byte by byte.

    Day 0 is `start`; days are calendar days of `timezone`. Leavers are replaced by new subscribers.
    """

    settings: WorldSettings
    start: date
    horizon: Horizon = Horizon()
    timezone: str = "UTC"
    drifts: tuple[Drift, ...] = ()

    def date_of(self, day: int) -> date:
        """Calendar date of a day of the world."""
        return self.start + timedelta(days=day)

    def days(self, first: int, last: int) -> Iterator[pl.DataFrame]:
        """Rows of each day from `first` to `last`, one frame a day, in order of time."""
        return (day.events for day in self.simulate(first, last))

    def simulate(self, first: int, last: int) -> Iterator[WorldDay]:
        """Each day from `first` to `last` with its rows and its new subscribers.

        Day 0 also includes everyone who was there before.
        """
        for day, now, newcomers in self._lives(last):
            if day < first:
                continue
            rng = self._random(_USAGE, day)
            factors = season.usage_factors(self.date_of(day))
            slots, measures = draw_day(now.population, now.latent, self._effect(day), factors, rng)
            events = to_frame(now.numbers.gather(slots), measures, self._span(day), rng)
            everyone = np.arange(len(now.numbers)) if day == 0 else newcomers
            yield WorldDay(day, self.date_of(day), events, self._listed(now, everyone))

    def subscribers(self, last: int) -> pl.DataFrame:
        """All subscribers up to day `last`: DP_MSISDN, segment, region, activated_on."""
        found = [
            self._listed(now, np.arange(len(now.numbers)) if day == 0 else newcomers)
            for day, now, newcomers in self._lives(last)
        ]
        return pl.concat(found)

    def oracle_probability(self, day: int) -> pl.DataFrame:
        """DP_MSISDN and the true `probability` of no activity in (day, day + label_days].

        Covers everyone who was a subscriber within the last two weeks. It knows the hidden state,
        so it is the ceiling for any model; it goes to no topic and no table.
        """
        *_, (_, now, _) = self._lives(day)
        rules = [self.rule(day + ahead + 1) for ahead in range(self.horizon.label_days)]
        table = oracle.silence(now.population, rules)
        slots = np.arange(len(now.numbers))
        chance = table[now.latent.state, now.latent.away.astype(np.int8), slots]
        return pl.DataFrame({"DP_MSISDN": now.numbers, "probability": chance})

    def rule(self, day: int) -> oracle.DayRule:
        """What the date and the drifts of a day do to everyone's probabilities."""
        date_, effect = self.date_of(day), self._effect(day)
        waver = self.waver_factor * effect.wavering
        return oracle.DayRule(
            effect, season.usage_factors(date_), waver, season.holiday_factor(date_)
        )

    @property
    def waver_factor(self) -> float:
        """Factor on wavering that yields `churn_rate` among candidates, drifts left out."""
        horizon = self.horizon
        return _waver_factor(self.settings.churn_rate, horizon.label_days, horizon.window_days)

    def _lives(self, last: int) -> Iterator[tuple[int, _Moment, Ints]]:
        now = self._beginning()
        for day in range(-BURN_IN_DAYS, last + 1):
            rng = self._random(_LIFE, day)
            rule = self.rule(day)
            waver = life.waver_chance(now.population, rule.waver)
            life.step(now.latent, waver, rule.away, day, rng)
            slots = life.vacant(now.latent, day)
            if len(slots):
                self._settle(now, slots, day, rng)
            if day >= 0:
                yield day, now, slots

    def _beginning(self) -> _Moment:
        count, rng = self.settings.subscribers, self._random(_BIRTH, -1)
        tenure = rng.exponential(MEAN_TENURE_DAYS, count).astype(np.int64)
        population = draw(np.arange(count), -BURN_IN_DAYS - tenure, rng)
        numbers = _texts(population.identity)
        return _Moment(population, life.fresh(count), numbers, born=count)

    def _settle(self, now: _Moment, slots: Ints, day: int, rng: np.random.Generator) -> None:
        identities = np.arange(now.born, now.born + len(slots))
        now.born += len(slots)
        now.population.replace(slots, draw(identities, np.full(len(slots), day), rng))
        life.settle(now.latent, slots)
        now.numbers = now.numbers.scatter(slots, _texts(identities))

    def _listed(self, now: _Moment, slots: Ints) -> pl.DataFrame:
        people = now.population
        names, places = [s.name for s in SEGMENTS], list(REGIONS)
        activated = pl.Series("activated_on", people.activated[slots]).cast(pl.Int64)
        start = pl.lit(self.start)
        return pl.DataFrame(
            {
                "DP_MSISDN": now.numbers.gather(slots),
                "segment": [names[kind] for kind in people.segment[slots]],
                "region": [places[kind] for kind in people.region[slots]],
                "activated_on": activated,
            },
            schema_overrides={"segment": pl.String, "region": pl.String},
        ).with_columns(activated_on=start + pl.duration(days="activated_on"))

    def _effect(self, day: int) -> Effect:
        return combined(self.drifts, day)

    def _span(self, day: int) -> tuple[datetime, datetime]:
        zone = ZoneInfo(self.timezone)
        start, end = (
            datetime.combine(self.date_of(d), time(), zone).astimezone(UTC) for d in (day, day + 1)
        )
        return start, end

    def _random(self, purpose: int, day: int) -> np.random.Generator:
        seed = np.random.SeedSequence([self.settings.seed, purpose, day + 1_000_000])
        return np.random.Generator(np.random.SFC64(seed))


@cache
def _waver_factor(rate: float, label_days: int, window_days: int) -> float:
    """The factor for a sample of subscribers under the mean of a year's seasons."""
    count, rng = CALIBRATION_SUBSCRIBERS, np.random.default_rng(CALIBRATION_SEED)
    sample = draw(np.arange(count), np.zeros(count, np.int64), rng)
    year = [CALIBRATION_YEAR + timedelta(days=day) for day in range(365)]
    factors = np.mean([season.usage_factors(day) for day in year], axis=0).astype(np.float32)
    away = float(np.mean([season.holiday_factor(day) for day in year]))

    def rate_of(factor: float) -> float:
        rule = oracle.DayRule(Effect(), factors, factor, away)
        return oracle.base_rate(sample, rule, label_days, window_days)

    return oracle.calibrated(rate, rate_of)


def _texts(identities: Ints) -> pl.Series:
    return pl.Series("DP_MSISDN", msisdn(identities)).cast(pl.String)
