"""How well card frauds are ranked: writes docs/model-cards.md at full size."""

from __future__ import annotations

from bench.cards_page import page
from bench.cards_quality import judge, of_world, sparkov
from bench.measure import Figure, Measurement, Size, held
from bench.stand import Stand
from lakehouse.settings import ROOT

PAGE = ROOT / "docs" / "model-cards.md"
BAR = 0.9
CARDS = {"small": 100, "full": 600}
DAYS = {"small": 30.0, "full": 60.0}
SEEDS = {"small": (1,), "full": (1, 2, 3, 4, 5)}


def run(size: Size, _: Stand) -> list[Measurement]:
    """Judge the model; at the small size on a small world alone, whose figures mean nothing."""
    worlds = {seed: judge(of_world(seed, CARDS[size], DAYS[size]), seed) for seed in SEEDS[size]}
    public = judge(sparkov(), 1) if size == "full" else None
    text = page(worlds, public, CARDS[size], DAYS[size])
    print(text)
    if size == "full":
        PAGE.write_text(text, encoding="utf-8")
    told = f"{len(worlds)} worlds of {CARDS[size]:,} cards, {DAYS[size]:.0f} days"
    figure = Figure("cards_quality_vs_attainable", "share", True, told)
    return [held(figure, BAR, [one.share["filter"].value for one in worlds.values()])]
