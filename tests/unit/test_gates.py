from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from lakehouse.clock import FixedClock
from lakehouse.domains.cdr.domain import CHURN
from lakehouse.errors import ModelError
from lakehouse.models.calibration import Calibration
from lakehouse.models.forest import LEAF, from_nodes
from lakehouse.models.forest_model import ForestModel
from lakehouse.models.manifest import Figures, Interval
from lakehouse.registry import Registry, gates
from lakehouse.registry.gates import Gates
from lakehouse.registry.stores import MemoryStore
from lakehouse.settings.model import ModelSettings

MakeBundle = Callable[..., tuple[Path, str]]
MakeFigures = Callable[..., Figures]
SETTINGS = ModelSettings(min_roc_auc=0.6, max_calibration_error=0.05, seed=1)


def one_split(
    feature: int, cut: float = 2.0, features: tuple[str, ...] = ("silent", "calls")
) -> ForestModel:
    """A tree that asks one feature once."""
    children = np.array([[1, 2], [LEAF, LEAF], [LEAF, LEAF]])
    forest = from_nodes(
        np.array([0]), np.array([feature, 0, 0]), np.array([2.0, 0, 0]), children,
        np.array([0.3, 0.1, 0.9]),
    )  # fmt: skip
    return ForestModel(features, forest, Calibration(1.0, 0.0), 0.5)


def window(rows: int = 400) -> pl.DataFrame:
    """Churners are silent more often; calls say nothing."""
    rng = np.random.default_rng(0)
    label = (np.arange(rows) % 4 == 0).astype(int)
    return pl.DataFrame(
        {
            "User": [f"4917{i:08d}" for i in range(rows)],
            "Date": [date(2026, 3, 4 + i % 2) for i in range(rows)],
            "silent": np.where(rng.random(rows) < 0.3 + 0.4 * label, 5.0, 0.0),
            "calls": rng.normal(2.0, 1.0, rows),
            "label": label,
            "prediction": label,
            "probability_1": label.astype(float),
        }
    )


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(MemoryStore(tmp_path / "store"), FixedClock(datetime(2026, 6, 1, tzinfo=UTC)))


@pytest.fixture
def add(
    registry: Registry, make_bundle: MakeBundle, make_figures: MakeFigures
) -> Callable[..., int]:
    """Register a model that asks `feature`, with these figures."""

    def register(feature: int = 0, **judged: float) -> int:
        made = make_bundle(
            model=one_split(feature), judged=make_figures(**judged), reference=window()
        )
        return registry.register(*made).number

    return register


Add = Callable[..., int]


def test_a_first_model_needs_no_champion(registry: Registry, add: Add) -> None:
    verdict = Gates(registry, CHURN, SETTINGS).promote(add())
    assert verdict.promoted
    champion = registry.champion()
    assert champion is not None and champion.number == 1


@pytest.mark.parametrize(
    ("judged", "reason"),
    [
        ({"roc_auc": 0.55}, "ROC-AUC 0.550 [0.530, 0.570] is below 0.6"),
        ({"calibration_error": 0.2}, "expected calibration error 0.200 is above 0.05"),
    ],
)
def test_a_model_below_a_floor_is_refused_and_the_reason_kept(
    registry: Registry, add: Add, judged: dict[str, float], reason: str
) -> None:
    verdict = Gates(registry, CHURN, SETTINGS).promote(add(**judged))
    assert verdict == gates.Verdict(False, reason)
    assert registry.champion() is None
    assert registry.version(1).verdicts == (f"not promoted: {reason}",)


def test_a_better_model_takes_the_title(registry: Registry, add: Add) -> None:
    Gates(registry, CHURN, SETTINGS).promote(add(feature=1))
    verdict = Gates(registry, CHURN, SETTINGS).promote(add(feature=0))
    champion = registry.champion()
    assert verdict.promoted and champion is not None and champion.number == 2
    assert "points [+" in verdict.reason and "saves" in verdict.reason


def test_a_worse_model_is_refused_in_intervals_and_money(registry: Registry, add: Add) -> None:
    Gates(registry, CHURN, SETTINGS).promote(add(feature=0))
    verdict = Gates(registry, CHURN, SETTINGS).promote(add(feature=1))
    assert not verdict.promoted
    assert "on the same 400 rows, costs" in verdict.reason
    assert "a day" in verdict.reason and "against version 1" in verdict.reason


def test_a_gain_that_could_be_a_loss_is_refused(
    registry: Registry, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    Gates(registry, CHURN, SETTINGS).promote(add())
    found = gates.Comparison(14_000, Interval(1.2, -0.3, 2.6), Interval(310.0, -40.0, 600.0))
    monkeypatch.setattr(gates, "compare", lambda *_: found)
    verdict = Gates(registry, CHURN, SETTINGS).promote(add())
    assert verdict == gates.Verdict(
        False,
        "+1.2 points [-0.3, +2.6] on the same 14,000 rows, saves 310 a day [-40, +600] "
        "against version 1",
    )
    assert registry.version(2).verdicts == (f"not promoted: {verdict.reason}",)


def test_an_equal_model_is_not_worse(registry: Registry, add: Add) -> None:
    Gates(registry, CHURN, SETTINGS).promote(add())
    verdict = Gates(registry, CHURN, SETTINGS).promote(add())
    assert verdict.promoted
    assert verdict.reason.startswith("+0.0 points [+0.0, +0.0]")


def test_a_model_that_awaits_approval_scores_in_the_shadow(registry: Registry, add: Add) -> None:
    settings = SETTINGS.model_copy(update={"require_approval": True})
    first = add()
    assert not Gates(registry, CHURN, settings).promote(first).promoted
    challenger = registry.challenger()
    assert challenger is not None and challenger.number == first
    registry.approve(first, "Ada")
    assert Gates(registry, CHURN, settings).promote(first).promoted


def test_models_of_other_features_are_not_compared(
    registry: Registry, make_bundle: MakeBundle
) -> None:
    old = one_split(0, features=("silent", "texts"))
    one = registry.register(*make_bundle(model=old, reference=window()))
    two = registry.register(*make_bundle(model=one_split(0), reference=window()))
    with pytest.raises(ModelError, match="models of the same features, but got no texts"):
        gates.compare(registry.load(two), registry.load(one), CHURN, seed=1)
