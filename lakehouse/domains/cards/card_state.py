"""What is known of a card, and the features of its next transaction.

`step` is the only definition of these features. The stream door applies it to each transaction that
arrives, Spark to the transactions of a card in the order in which they arrived, so both get the
same bits. Sums are of integers, or rounded once (`math.fsum`).

The fate of odd events: a transaction that the card's last week already holds is a repetition and
has no features (`step` returns None). A late one counts what happened before its own time among the
transactions that arrived before it, and is kept for those that follow. One that is more than a week
behind the card's latest is scored, but not kept.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable

import msgspec

from lakehouse.domains.cards.features import DAY, HOUR, MISSING, WEEK
from lakehouse.domains.cards.surprise import HOURS, Habit, surprise
from lakehouse.domains.cards.transaction import Transaction, kilometres, stateless

# Bounds on what one card may occupy, so that an attack on it does not slow the others.
MAX_EVENTS, MAX_MERCHANTS, MAX_CATEGORIES = 2_000, 500, 64
KMH_LIMIT = 100_000.0
_BURST = 3 * HOUR


class CardState(msgspec.Struct, array_like=True):
    """The card's last week, in the order of event time, and its habits since the beginning.

    `surprises` are those of the last week's transactions. `merchants` keeps the arrival number of
    each merchant's latest transaction and how many there were, `categories` count and sum of cents
    by category, `hours` how many there were in each hour of the day.
    """

    times: list[int] = []
    cents: list[int] = []
    ids: list[str] = []
    places: list[tuple[float, float] | None] = []
    surprises: list[float] = []
    merchants: dict[str, tuple[int, int]] = {}
    categories: dict[str, tuple[int, int]] = {}
    hours: dict[int, int] = {}
    count: int = 0
    total: int = 0


def step(state: CardState, event: Transaction) -> tuple[float, ...] | None:
    """Features of `event` in the order of `features.NAMES`; then the card knows it, too.

    None for a repeated transaction, which changes nothing.
    """
    if event.id in state.ids:
        return None
    own = _surprise(state, event)
    found = (*stateless(event), *_of_the_card(state, event), own, *_surprises(state, event.at))
    _keep(state, event, own)
    return found


def fold(events: Iterable[Transaction]) -> list[tuple[float, ...] | None]:
    """Features of all transactions of one card, in the order in which they arrived."""
    state = CardState()
    return [step(state, event) for event in events]


def _of_the_card(state: CardState, event: Transaction) -> tuple[float, ...]:
    times, cents, at = state.times, state.cents, event.at
    end = bisect_right(times, at)
    starts = [bisect_right(times, at - span, 0, end) for span in (HOUR, DAY, WEEK)]
    last = end - 1
    gap = float(at - times[last]) if end else MISSING
    km = kilometres(state.places[last], event.place) if end else MISSING
    known, spent = state.categories.get(event.category, (0, 0))
    return (
        *(float(end - start + 1) for start in starts),
        *((sum(cents[start:end]) + event.cents) / 100.0 for start in starts),
        km,
        _speed(km, gap),
        gap,
        0.0 if event.merchant in state.merchants else 1.0,
        0.0 if known else 1.0,
        _ratio(event.cents, state.count, state.total),
        _ratio(event.cents, known, spent),
    )


def _surprise(state: CardState, event: Transaction) -> float:
    known, spent = state.categories.get(event.category, (0, 0))
    _, visits = state.merchants.get(event.merchant, (0, 0))
    hour = _hour(event)
    near = sum(state.hours.get(one % HOURS, 0) for one in (hour - 1, hour, hour + 1))
    habit = Habit(state.count, state.total, known, spent, visits, near)
    return surprise(habit, event.cents, kilometres(event.home, event.place))


def _surprises(state: CardState, at: int) -> tuple[float, float, float]:
    """The greatest and the sum of the last 24 hours before `at`, and the mean of three hours."""
    end = bisect_right(state.times, at)
    day, burst = (
        state.surprises[bisect_right(state.times, at - span, 0, end) : end]
        for span in (DAY, _BURST)
    )
    mean = math.fsum(burst) / len(burst) if burst else MISSING
    return max(day, default=MISSING), math.fsum(day), mean


def _hour(event: Transaction) -> int:
    return event.at % DAY // HOUR


def _keep(state: CardState, event: Transaction, own: float) -> None:
    state.count += 1
    state.total += event.cents
    _remember(state, event)
    newest = max(state.times[-1], event.at) if state.times else event.at
    if event.at <= newest - WEEK:
        return
    spot = bisect_right(state.times, event.at)
    state.times.insert(spot, event.at)
    state.cents.insert(spot, event.cents)
    state.ids.insert(spot, event.id)
    state.places.insert(spot, event.place)
    state.surprises.insert(spot, own)
    # Transactions exactly a week old are outside every window.
    gone = max(bisect_right(state.times, newest - WEEK), len(state.times) - MAX_EVENTS)
    if gone:
        for column in (state.times, state.cents, state.ids, state.places, state.surprises):
            del column[:gone]


def _remember(state: CardState, event: Transaction) -> None:
    merchants, categories = state.merchants, state.categories
    # The dictionary stays in the order of the last visit.
    _, visits = merchants.pop(event.merchant, (0, 0))
    merchants[event.merchant] = state.count, visits + 1
    if len(merchants) > MAX_MERCHANTS:
        del merchants[next(iter(merchants))]
    hour = _hour(event)
    state.hours[hour] = state.hours.get(hour, 0) + 1
    known, spent = categories.get(event.category, (0, 0))
    if known or len(categories) < MAX_CATEGORIES:
        categories[event.category] = (known + 1, spent + event.cents)


def _speed(km: float, gap: float) -> float:
    if km < 0:
        return MISSING
    return min(km * HOUR / max(gap, 1.0), KMH_LIMIT)


def _ratio(cents: int, count: int, total: int) -> float:
    return cents * count / total if total else MISSING
