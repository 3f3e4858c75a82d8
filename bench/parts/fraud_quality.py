"""How well fraud models rank: writes docs/model-fraud.md at full size."""

from __future__ import annotations

from bench.fraud_page import page
from bench.fraud_quality import CHAMPION, ONLINE, compared, of_world, on_world, public
from bench.measure import Figure, Measurement, Size, held
from bench.stand import Stand, scratch
from lakehouse.domains.settings import Settings
from lakehouse.models.manifest import Interval, Metrics
from lakehouse.settings import ROOT
from lakehouse.settings.model import LakeSettings, ModelSettings

PAGE = ROOT / "docs" / "model-fraud.md"
SEEDS = {"small": (101,), "full": (101, 102, 103, 104, 105)}
ROWS: dict[Size, int] = {"small": 12_000, "full": 200_000}
TREES: dict[Size, tuple[int, ...]] = {"small": (5,), "full": (100,)}


def run(size: Size, stand: Stand) -> list[Measurement]:
    """Judge the models; at the small size on a world alone, whose figures mean nothing."""
    split = public() if size == "full" else of_world(1, ROWS[size])
    with scratch() as folder:
        settings = Settings(
            lake=LakeSettings(uri=str(folder)), state_dir=str(folder),
            model=ModelSettings(trees=TREES[size]),
        )  # fmt: skip
        spark = stand.session("2g")
        found = compared(split, spark, settings)
        worlds = [on_world(seed, ROWS[size], spark, settings) for seed in SEEDS[size]]
    text = page(split, found, worlds)
    print(text)
    if size == "full":
        PAGE.write_text(text, encoding="utf-8")
    champion = next(one for name, one in found.items() if name.endswith(CHAMPION))
    online = found[ONLINE.format(100)]
    data = f"{len(split.label):,} public card payments in order of time"
    world = f"{len(worlds)} worlds of {ROWS[size]:,} payments, the least of them"
    return [
        held(Figure("fraud_pr_auc", "", True, data), 0.80, [_value(champion, "pr_auc")]),
        held(Figure("fraud_recall_at_half_percent", "", True, data), 0.85,
             [_value(champion, "recall_at_05")]),
        held(Figure("fraud_unlabelled_roc_auc", "", True, data), 0.95,
             [_value(online, "roc_auc")]),
        held(Figure("fraud_vs_attainable", "", True, world), 0.9,
             [min(one.share.value for one in worlds)]),
    ]  # fmt: skip


def _value(metrics: Metrics, name: str) -> float:
    found = metrics[name]
    return found.value if isinstance(found, Interval) else found
