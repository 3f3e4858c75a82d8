"""Cardholders and their habits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from lakehouse.domains.cards.features import CATEGORIES

Floats = npt.NDArray[np.float64]
FIRST = (
    "Ada",
    "Ben",
    "Carla",
    "Dov",
    "Elif",
    "Femi",
    "Gita",
    "Hugo",
    "Ines",
    "Jun",
    "Kofi",
    "Lena",
)
LAST = ("Abel", "Brandt", "Cole", "Diaz", "Evans", "Falk", "Garcia", "Hahn", "Ito", "Jones", "Khan")
JOBS = ("Baker", "Chemist", "Driver, bus", "Editor", "Farmer", "Nurse", "Pilot", "Surveyor, land")
CITIES = (
    ("Aurora", "IL", 41.76, -88.32, 197_899),
    ("Boise", "ID", 43.62, -116.21, 235_684),
    ("Camden", "NJ", 39.93, -75.12, 71_791),
    ("Dallas", "TX", 32.78, -96.8, 1_304_379),
    ("Eugene", "OR", 44.05, -123.09, 176_654),
    ("Fargo", "ND", 46.88, -96.79, 125_990),
    ("Galena", "MO", 36.8, -93.47, 440),
    ("Hilo", "HI", 19.71, -155.08, 44_186),
)
# Typical amount of a purchase in each category, as the mean of its logarithm.
TYPICAL = dict(
    zip(
        CATEGORIES,
        (3.6, 3.7, 4.1, 3.7, 4.6, 3.6, 3.8, 3.8, 3.0, 3.1, 3.5, 3.2, 3.3, 3.0),
        strict=True,
    )
)
MERCHANTS_PER_CATEGORY, FAVOURITES = 40, 4


@dataclass(frozen=True)
class Cardholder:
    """A cardholder: who it is, where home is, and how the card is used.

    `per_day` is the mean number of purchases a day, `shares` the chance of each category, `level`
    the shift of the logarithm of amounts, `favourites` the merchants of each category.
    """

    card: str
    first: str
    last: str
    gender: str
    street: str
    city: str
    state: str
    zip: str
    lat: float
    long: float
    city_pop: int
    job: str
    dob: str
    per_day: float
    shares: Floats
    level: float
    favourites: npt.NDArray[np.int64]


def cardholders(count: int, seed: int) -> list[Cardholder]:
    """The cardholders of a world; a larger world begins with those of a smaller one."""
    return [_cardholder(number, seed) for number in range(count)]


def _cardholder(number: int, seed: int) -> Cardholder:
    rng = np.random.default_rng((seed, number))
    city, state, lat, long, people = CITIES[int(rng.integers(len(CITIES)))]
    born = date(1930, 1, 1).toordinal() + int(rng.integers(365 * 74))
    digits = 19 if rng.random() < 0.05 else 16
    return Cardholder(
        card=f"4{number:0{digits - 7}d}{int(rng.integers(10**6)):06d}",
        first=FIRST[int(rng.integers(len(FIRST)))],
        last=LAST[int(rng.integers(len(LAST)))],
        gender="FM"[int(rng.integers(2))],
        street=f"{int(rng.integers(1, 9_999))} Mill Lane",
        city=city,
        state=state,
        zip=f"{int(rng.integers(500, 99_999)):05d}",
        lat=round(lat + float(rng.normal(0, 0.2)), 4),
        long=round(long + float(rng.normal(0, 0.2)), 4),
        city_pop=people,
        job=JOBS[int(rng.integers(len(JOBS)))],
        dob=date.fromordinal(born).isoformat(),
        per_day=float(np.clip(rng.gamma(3.0, 0.8), 0.3, 8.0)),
        shares=rng.dirichlet(np.full(len(CATEGORIES), 0.8)),
        level=float(rng.normal(0, 0.35)),
        favourites=rng.integers(MERCHANTS_PER_CATEGORY, size=(len(CATEGORIES), FAVOURITES)),
    )
