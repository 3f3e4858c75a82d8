"""How near to the oracle the model comes, world by world: writes docs/model.md at full size."""

from __future__ import annotations

from bench.measure import Measurement, Size
from bench.model_page import page
from bench.model_quality import measure
from bench.stand import Stand
from lakehouse.domains.cdr.settings import WorldSettings
from lakehouse.domains.settings import Settings
from lakehouse.settings import ROOT
from lakehouse.settings.model import ModelSettings

PAGE = ROOT / "docs" / "model.md"
SEEDS = {"small": (1,), "full": (1, 2, 3, 4, 5)}
INSTALLATIONS = {
    "small": Settings(
        world=WorldSettings(subscribers=300, history_days=100),
        model=ModelSettings(trees=(5,), depths=(4,), folds=2, min_positives=5, min_rows=50),
    ),
    "full": Settings(),
}


def run(size: Size, stand: Stand) -> list[Measurement]:
    """Judge the worlds; that is no race, so no measurement comes of it."""
    made = INSTALLATIONS[size]
    worlds = [measure(stand.session("2g"), seed, made) for seed in SEEDS[size]]
    text = page(worlds)
    print(text)
    if size == "full":
        PAGE.write_text(text, encoding="utf-8")
    return []
