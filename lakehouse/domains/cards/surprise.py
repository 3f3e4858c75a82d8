"""How unusual a transaction is for its card: minus the logarithm of its chance, given its habits.

Category, merchant within the category, amount, hour and distance from home count as independent.
Shares are those of what the card has done so far, with a little added for what it has not done yet
(additive smoothing), so a new card is surprised by little. A thief's transactions are unusual in
several ways at once, and come one after the other; this brings both into one number, which a forest
cannot learn from few frauds.
"""

from __future__ import annotations

from typing import NamedTuple

from lakehouse.domains.cards.features import CATEGORIES
from lakehouse.portable_math import log_one

# Weight of the unseen, in transactions: for each category, for a merchant, all of a category's
# merchants, for the amount's usual level, and for each hour of the day.
CATEGORY, MERCHANT, MERCHANTS, LEVEL, HOUR = 0.5, 0.2, 4.0, 2.0, 0.5
HOURS, NEAR_HOURS = 24, 3
# Standard deviations of the logarithm of amounts, and of the kilometres from home.
SPREAD, KILOMETRES = 0.75, 40.0
# No amount and no distance says more than this, about four standard deviations.
MOST = 8.0


class Habit(NamedTuple):
    """What a card has done before: transactions seen, and their sum in cents.

    Of them, `known` and `spent` in the category of this transaction, `visits` at its merchant, and
    `near` within an hour of its own hour of the day.
    """

    seen: int
    total: int
    known: int
    spent: int
    visits: int
    near: int


def surprise(habit: Habit, cents: int, km_from_home: float) -> float:
    """How unusual a transaction of so many cents is; distances below 0 are unknown.

    >>> usual = surprise(Habit(100, 200_000, 50, 100_000, 20, 40), 2_000, 5.0)
    >>> odd = surprise(Habit(100, 200_000, 0, 0, 0, 1), 90_000, 120.0)
    >>> round(usual, 2), round(odd, 2)
    (3.76, 25.69)
    """
    category = (habit.known + CATEGORY) / (habit.seen + CATEGORY * len(CATEGORIES))
    merchant = min((habit.visits + MERCHANT) / (habit.known + MERCHANTS), 1.0)
    near = habit.near + HOUR * NEAR_HOURS
    hour = near / (NEAR_HOURS * habit.seen + HOUR * HOURS)
    chance = category * merchant * min(hour, 1.0)
    return _amount(habit, cents) + _distance(km_from_home) - log_one(chance)


def _amount(habit: Habit, cents: int) -> float:
    if not habit.seen:
        return 0.0
    mean = habit.total / habit.seen
    level = (habit.spent + LEVEL * mean) / (habit.known + LEVEL)
    apart = log_one((cents + 1) / (level + 1)) / SPREAD
    return min(apart * apart / 2, MOST)


def _distance(km: float) -> float:
    return min((max(km, 0.0) / KILOMETRES) ** 2 / 2, MOST)
