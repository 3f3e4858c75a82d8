"""The drift plans in words, for the page and for the API description."""

from __future__ import annotations

from flaskapp.cdr.world import PLANS
from flaskapp.stream_source import Plan

# What each does, and whether it also has an effect on rows dated now.
_TEXTS = {
    "price_shock": ("four times as many subscribers waver from the first replayed day on", False),
    "unit_change": ("data volumes come in another unit, 1,024 times as large", True),
    "network_outage": ("one region is silent for the first three replayed days", False),
    "new_plan": ("a new tariff moves usage from calls to data sessions", True),
    "concept_flip": ("usage fades among the loyal instead of those about to leave", False),
    "gradual_fade": ("usage shrinks by a hundredth a day, or a live batch, down to half", True),
}
EXPLAINED = tuple(Plan(name, *_TEXTS[name]) for name in sorted(PLANS))
IN_WORDS = "; ".join(f"{plan.name}: {plan.text}" for plan in EXPLAINED)
