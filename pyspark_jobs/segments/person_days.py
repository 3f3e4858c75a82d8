"""A card's days ahead, one row each until it buys: what a discrete-time hazard is fitted on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from lakehouse.domains.segments.next_purchase import HORIZON, LONGEST, SEEN, WAIT
from lakehouse.models.forest import Floats

# Of the days without a purchase every fifth is kept, and counts five times.
EVERY = 5
_MIX, _MIX_2, _STEP = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 0x9E3779B97F4A7C15


@dataclass(frozen=True)
class PersonDays:
    """Rows of inputs with the day ahead, whether the card bought on it, and how much it counts.

    `at` is the place of the card's row in the frame that they were made from.
    """

    inputs: Floats
    day: Floats
    bought: Floats
    weight: Floats
    at: npt.NDArray[np.int64]


def person_days(rows: pl.DataFrame, features: tuple[str, ...]) -> PersonDays:
    """The days ahead of each row, up to its purchase, the longest horizon or what is recorded.

    Which days are kept depends only on card, date and day, not on the other rows.
    """
    wait, seen = rows[WAIT].to_numpy(), rows[SEEN].to_numpy()
    until = np.minimum(np.where(wait > 0, wait, LONGEST), np.minimum(seen, LONGEST))
    at = np.repeat(np.arange(len(rows)), until)
    day = np.arange(len(at)) - np.repeat(np.cumsum(until) - until, until) + 1
    bought = wait[at] == day
    kept = bought | (_draw(rows, at, day) % EVERY == 0)
    at, day, bought = at[kept], day[kept], bought[kept]
    inputs = rows.with_columns(pl.lit(1.0).alias(HORIZON)).select(features)
    return PersonDays(
        inputs.cast(pl.Float64).to_numpy()[at],
        day.astype(np.float64),
        bought.astype(np.float64),
        np.where(bought, 1.0, float(EVERY)),
        at,
    )


def _draw(
    rows: pl.DataFrame, at: npt.NDArray[np.int64], day: npt.NDArray[np.int64]
) -> npt.NDArray[np.uint64]:
    """A number for each day by the mixing function of SplitMix64 (Steele, Lea, Flood 2014)."""
    names = rows["card"].to_list()
    seeds = [int.from_bytes(hashlib.blake2b(one.encode(), digest_size=8).digest()) for one in names]
    origin = rows["as_of"].to_physical().to_numpy().astype(np.uint64)
    with np.errstate(over="ignore"):
        state = np.array(seeds, np.uint64) + origin * np.uint64(_STEP)
        mixed: npt.NDArray[np.uint64] = state[at] + day.astype(np.uint64) * np.uint64(_MIX)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(_MIX)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(_MIX_2)
    return mixed ^ (mixed >> np.uint64(31))
