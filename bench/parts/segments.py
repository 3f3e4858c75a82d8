"""The segments' models on real purchase cards: writes docs/model-segments.md at full size."""

from __future__ import annotations

from bench.measure import Figure, Measurement, Size, held
from bench.segments_data import birmingham, made
from bench.segments_drift import drift
from bench.segments_page import page
from bench.segments_quality import HISTORY, cut, rules, spending
from bench.stand import Stand
from lakehouse.settings import ROOT

PAGE = ROOT / "docs" / "model-segments.md"
TYPES = {"small": (3,), "full": (3, 4, 5)}
EVENTS, TRIALS = {"small": 2_000, "full": 200_000}, {"small": 2, "full": 200}


def run(size: Size, stand: Stand) -> list[Measurement]:
    """Judge the models; at the small size on made purchases, whose figures mean nothing."""
    study = birmingham() if size == "full" else made()
    found = spending(study)
    session = stand.session("1g")
    cuts = [cut(session, study, count) for count in TYPES[size]]
    text = page(found, cuts, rules(study), drift(study, EVENTS[size], TRIALS[size]))
    print(text)
    if size == "full":
        PAGE.write_text(text, encoding="utf-8")
    week = found.judged[HISTORY, 7]
    data = f"{found.rows:,} rows of {found.cards:,} cards"
    later = "log spending of the next 28 days, half a year later"
    return [
        held(Figure("will_spend_k7_auc", "", True, data), 0.795, [week.auc]),
        held(Figure("will_spend_k7_brier", "", False, data), 0.176, [week.brier]),
        held(Figure("segments_r2_next_28_days", "", True, later), 0.45, [cuts[0].r2]),
    ]
