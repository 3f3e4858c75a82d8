"""How early and how rightly monitoring speaks: writes docs/monitoring-quality.md at full size."""

from __future__ import annotations

from bench.measure import Measurement, Size
from bench.monitor_quality import PLANS, PUBLISHED, judge_all
from bench.quality_page import page, real_rows_of, with_real_rows
from bench.stand import Stand
from lakehouse.settings import ROOT

PAGE = ROOT / "docs" / "monitoring-quality.md"
SUBSCRIBERS = {"small": (200,), "full": (2_000,)}
SEEDS = {"small": PUBLISHED[:1], "full": PUBLISHED}


def run(size: Size, _: Stand) -> list[Measurement]:
    """Judge the worlds; their findings are no race, so no measurement comes of it."""
    plans = PLANS if size == "full" else ("unit_change",)
    text = page([judge_all(SEEDS[size], count, plans) for count in SUBSCRIBERS[size]])
    print(text)
    if size == "full":
        kept = real_rows_of(PAGE.read_text("utf-8"))
        PAGE.write_text(with_real_rows(text, kept) if kept else text, encoding="utf-8")
    return []
