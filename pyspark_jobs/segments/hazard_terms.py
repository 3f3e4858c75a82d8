"""What the two hazard models of the domain are made of: the terms, before they are fitted."""

from __future__ import annotations

from lakehouse.domains.segments.next_purchase import FIRST_DAY, HORIZON
from lakehouse.models.hazard_terms import DAY, WAITED, WEEKDAY, Factor, Term

# Inputs of the model that knows a card's history, and of the one for a request of three numbers.
HISTORY = (
    "days_bought", "n", "amount", "merchants", "recency", "median_gap", "longest_gap", "tenure",
    "days_7", "days_14", "days_28", "days_56", "days_90", "n_28", "refunds",
)  # fmt: skip
REQUEST = ("n", "amount", "merchants")
ROLES = (FIRST_DAY, HORIZON)
_SATURDAY, _KNOTS = 5, (1.0, 2.0, 3.0, 4.0)


def history_terms() -> tuple[Term, ...]:
    """Level and trend of a card's buying, how long it has been quiet by the day, and weekdays."""
    days, waited, day = Factor(of="days_bought"), Factor(of=WAITED), Factor(of=DAY)
    rate = Factor(of="days_bought", less="tenure")
    frequency = (days, Factor(of="recency"), Factor(of="days_28"), Factor(of="days_7"), rate,
                 Factor(of="n_28"), Factor(of="tenure"))  # fmt: skip
    return (
        *(Term(factors=(Factor(of=name),)) for name in HISTORY),
        Term(factors=(rate,)),
        *_baseline(),
        Term(factors=(waited,)),
        *(Term(factors=(Factor(of=WAITED, knot=knot),)) for knot in _KNOTS),
        *_overdue("median_gap", (0.0, 1.0)),
        *_overdue("longest_gap", (0.0,)),
        *(Term(factors=(one, day)) for one in frequency),
        *(Term(factors=(one, waited)) for one in (days, rate)),
        *(Term(factors=(one, Factor(of=WEEKDAY, least=_SATURDAY))) for one in (days, rate)),
    )


def request_terms() -> tuple[Term, ...]:
    """What three numbers without dates can tell: how much it buys, and where."""
    inputs = [Factor(of=name) for name in REQUEST]
    many = Factor(of="n", less="merchants")
    ticket = Factor(of="amount", less="n")
    bends = [Factor(of="n", knot=knot) for knot in (1.5, 2.5, 3.5)]
    static = [*inputs, many, ticket, *bends]
    return (
        *(Term(factors=(one,)) for one in static),
        Term(factors=(inputs[0], inputs[2])),
        *_baseline(),
        *(Term(factors=(one, Factor(of=DAY))) for one in inputs),
        Term(factors=(inputs[0], Factor(of=WEEKDAY, least=_SATURDAY))),
    )


def _baseline() -> tuple[Term, ...]:
    """The chance by days ahead, and by weekday."""
    day = Factor(of=DAY)
    return (
        *(Term(factors=(day,) * power) for power in (1, 2, 3)),
        *(Term(factors=(Factor(of=WEEKDAY, least=float(first)),)) for first in range(1, 7)),
    )


def _overdue(gap: str, knots: tuple[float, ...]) -> tuple[Term, ...]:
    """How far the days waited exceed the card's own gap, as a ratio."""
    return tuple(Term(factors=(Factor(of=WAITED, less=gap, knot=knot),)) for knot in knots)
