"""What can be known of a window at most: the odds that somebody gives who knows the shop's laws.

Pages, platform and orders of each kind of visitor have chances that are written down; how many
clicks fall into a window follows from visits and pauses, and is counted over visitors of each kind
that nobody else sees. Their product, by Bayes, ranks windows as well as any function of them can.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

import numpy as np
import numpy.typing as npt

from lakehouse.domains.clicks import world
from lakehouse.domains.clicks.contracts import PLATFORMS, VIEWS
from lakehouse.domains.clicks.world import HABITS, PRETENDERS, Habits, Kind

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
SLIDE_S, SLIDES = 120, 5
# So many visitors of a kind are watched to learn how many clicks a window of theirs has.
WATCHED = 400
AT_ONCE = 256
# Every small number of clicks by itself, larger ones in classes that grow by a tenth.
_EDGES = np.unique(np.concatenate([np.arange(1, 30), np.geomspace(30, 3_000, 50)]).astype(int))


@dataclass(frozen=True)
class Oracle:
    """Knows the shop's laws, the share of bots, and for how long visitors are watched."""

    bot_share: float
    length: timedelta
    seed: int = 7

    def odds(self, columns: Mapping[str, Floats], platforms: list[str]) -> Floats:
        """The odds that each window is a bot's, from its views, `nb_orders` and platform."""
        views = np.stack([columns[name] for name in VIEWS], axis=1).astype(np.int64)
        orders = columns["nb_orders"].astype(np.int64)
        found = {
            kind: self._windows[kind][_class(views.sum(axis=1))]
            * _pages(kind, views)
            * np.array([HABITS[kind].platforms[PLATFORMS.index(one)] for one in platforms])
            * np.array([world.orders_chance(kind, int(one)) for one in orders])
            for kind in HABITS
        }
        # A visitor that shows everything of a person is one; no window is impossible to everybody.
        bots: Floats = found["bot"] + found["pretender"]
        odds: Floats = bots / np.maximum(found["person"], 1e-300)
        return odds

    @cached_property
    def _windows(self) -> dict[Kind, Floats]:
        """Windows of each number of clicks that a visitor has, times the share of that kind."""
        shares: dict[Kind, float] = {
            "person": 1 - self.bot_share,
            "bot": self.bot_share * (1 - PRETENDERS),
            "pretender": self.bot_share * PRETENDERS,
        }
        return {kind: share * self._watched(kind) for kind, share in shares.items()}

    def _watched(self, kind: Kind) -> Floats:
        who, moment = _moments(HABITS[kind], self.length, np.random.default_rng(self.seed))
        slide = (moment // SLIDE_S).astype(np.int64)
        # A number for each visitor and window; windows begin up to four slides before a click.
        windows = [(who + 1) << 32 | slide + SLIDES - back for back in range(SLIDES)]
        sizes = np.unique(np.concatenate(windows), return_counts=True)[1]
        return (np.bincount(_class(sizes), minlength=len(_EDGES)) + 0.1) / WATCHED


def _moments(
    habits: Habits, length: timedelta, random: np.random.Generator
) -> tuple[Counts, Floats]:
    """Who of `WATCHED` visitors with these habits clicks, and how many seconds after the start."""
    end = length.total_seconds()
    blocks = [random.random((WATCHED, 1)) * habits.pause_seconds]
    while (blocks[-1][:, -1] < end).any():
        leaves = random.random((WATCHED, AT_ONCE)) < 1 / habits.clicks_a_visit
        waits = random.exponential(np.where(leaves, habits.pause_seconds, habits.seconds))
        blocks.append(blocks[-1][:, -1:] + np.cumsum(waits, axis=1))
    moments = np.concatenate(blocks, axis=1)
    who, number = np.nonzero(moments < end)
    return who, moments[who, number]


def _class(clicks: Counts) -> Counts:
    """The class of a number of clicks; kinds are compared within a class only."""
    return np.searchsorted(_EDGES, clicks, side="right").clip(1) - 1


def _pages(kind: Kind, views: Counts) -> Floats:
    """How likely that kind sees these pages; what all kinds have in common is left out."""
    chance = np.log(np.maximum(HABITS[kind].pages, 1e-12))
    log_chance: Floats = (views * (chance - math.log(1 / len(VIEWS)))).sum(axis=1)
    return np.asarray(np.exp(log_chance.clip(-300, 300)), np.float64)
