"""Scripted changes of the world, each a value with the day from which it applies."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields

from lakehouse.errors import SettingsError, closest

OUTAGE_DAYS = 3
OUTAGE_REGION = 4
FADE_A_DAY = 0.99
FADE_FLOOR = 0.5


@dataclass(frozen=True)
class Effect:
    """What a day's drifts do: factors on rates, and the region that is cut off, if any.

    Where `is_signal_turned`, fading amounts mark the loyal and no longer those about to leave.
    """

    wavering: float = 1.0
    calls: float = 1.0
    texts: float = 1.0
    sessions: float = 1.0
    volume: float = 1.0
    is_signal_turned: bool = False
    dark_region: int = -1

    def __mul__(self, other: Effect) -> Effect:
        """Both effects at once."""
        factors = {
            field.name: getattr(self, field.name) * getattr(other, field.name)
            for field in fields(self)
            if field.name not in ("is_signal_turned", "dark_region")
        }
        return Effect(
            **factors,
            is_signal_turned=self.is_signal_turned != other.is_signal_turned,
            dark_region=max(self.dark_region, other.dark_region),
        )


def _gradual_fade(age: int) -> Effect:
    left = max(FADE_A_DAY ** (age + 1), FADE_FLOOR)
    return Effect(calls=left, texts=left, sessions=left)


def _network_outage(age: int) -> Effect:
    return Effect(dark_region=OUTAGE_REGION) if age < OUTAGE_DAYS else Effect()


# What each plan does, by days since its first one.
PLANS: dict[str, Callable[[int], Effect]] = {
    "price_shock": lambda _age: Effect(wavering=4.0),
    "unit_change": lambda _age: Effect(volume=1024.0),
    "network_outage": _network_outage,
    "new_plan": lambda _age: Effect(sessions=2.2, volume=1.3, calls=0.55),
    "concept_flip": lambda _age: Effect(is_signal_turned=True),
    "gradual_fade": _gradual_fade,
}


@dataclass(frozen=True)
class Drift:
    """The plan called `name`, in force from day `first_day` of the world on.

    >>> Drift("unit_change", first_day=5).effect(4).volume
    1.0
    >>> Drift("unit_change", first_day=5).effect(5).volume
    1024.0
    """

    name: str
    first_day: int

    def __post_init__(self) -> None:
        if self.name not in PLANS:
            raise SettingsError("drift", "a known plan", repr(self.name), closest(self.name, PLANS))

    def effect(self, day: int) -> Effect:
        """What the plan does on `day`."""
        return PLANS[self.name](day - self.first_day) if day >= self.first_day else Effect()


def combined(drifts: Iterable[Drift], day: int) -> Effect:
    """What all drifts together do on `day`."""
    effect = Effect()
    for drift in drifts:
        effect = effect * drift.effect(day)
    return effect
