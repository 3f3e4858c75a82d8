"""Types become champion only if they explain more than a rule, and more than the champion."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from cdrlake import cli, cli_model
from lakehouse.domains.segments import names
from lakehouse.domains.segments.segments import SHOWN, TYPE_FEATURES
from lakehouse.domains.settings import Settings
from lakehouse.errors import ModelError
from lakehouse.models import bundle, kmeans
from lakehouse.models.forest import Floats
from lakehouse.models.kmeans import KMeansModel
from lakehouse.models.manifest import Costs, Figures, Manifest
from lakehouse.models.model_kinds import KMEANS, model_kind
from lakehouse.registry import Registry
from lakehouse.registry.stores import MemoryStore
from lakehouse.settings.model import ModelSettings
from pyspark_jobs.segments import cuts
from pyspark_jobs.segments.types_gate import R2, TypesGate, reference
from pyspark_jobs.segments.weeks import Week
from tests.rest.segments import CLOCK, TYPES

DAY = date(2026, 1, 5)
GOOD = {R2: 0.5, "gain_on_rule": 0.02, "worst_agreement": 0.85, "least_share": 0.06}
# Centroids that tell nothing of how much a card buys.
BLIND = msgspec.structs.replace(
    TYPES, centroids=((0.0, 0.0, 0.0), (9.0, -9.0, 9.0), (-9.0, 9.0, -9.0))
)


def week(day: date, seed: int) -> Week:
    """Cards of three kinds, which spend as they have bought, all of them active."""
    rng = np.random.default_rng(seed)
    kind = np.arange(600) % 3
    n = rng.poisson(np.array([3, 20, 90])[kind]) + 1.0
    amount = n * np.array([15.0, 20.0, 30.0])[kind] * rng.lognormal(0, 0.2, 600)
    features = pl.DataFrame(
        {
            "card": [f"c{number}" for number in range(600)],
            "n": n,
            "amount": amount,
            "merchants": np.sqrt(n).round() + 1,
            "recency": np.zeros(600),
            "days_bought": n,
        }
    )
    spent: Floats = np.log1p(amount / 6) + rng.normal(0, 0.5, 600)
    return Week(day, features, spent)


FIRST, LATER = week(DAY, 1), week(date(2026, 6, 1), 2)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(MemoryStore(tmp_path / "store"), CLOCK)


def register(
    registry: Registry,
    folder: Path,
    model: KMeansModel,
    metrics: dict[str, float],
    rows: pl.DataFrame | None = None,
) -> int:
    """A version of the types, with figures as given."""
    rows = reference(FIRST, LATER) if rows is None else rows
    place = folder / f"bundle {len(registry.versions())}"
    place.mkdir()
    (place / model_kind(KMEANS).file).write_bytes(kmeans.encode(model))
    (place / bundle.CARD).write_text("# Types of the tests")
    rows.write_parquet(place / bundle.REFERENCE)
    dates = dict.fromkeys(("train_start", "train_end", "test_start", "test_end"), DAY)
    figures = Figures(rows=1, entities=1, positives=0, metrics=dict(metrics), ranking=R2)
    made = {
        "kind": KMEANS, "features": TYPE_FEATURES, "recipe": {SHOWN: {"2": 1}},
        "feature_hash": bundle.feature_hash(TYPE_FEATURES), "contract_version": 1,
        "threshold": 0.0, "costs": Costs(1.0, 1.0), "params": {}, "folds": "none", **dates,
        "score_from": DAY, "train_rows": 1, "train_positives": 0, "delta_versions": {},
        "git_commit": "unknown", "figures": figures, "files": {},
    }  # fmt: skip
    sealed = bundle.finalize(place, msgspec.convert(made, Manifest))
    return registry.register(place, sealed).number


@pytest.mark.parametrize(
    ("figure", "value", "said"),
    [
        ("gain_on_rule", -0.01, "gain on rule -0.010 is below 0"),
        ("worst_agreement", 0.7, "worst agreement 0.700 is below 0.8"),
        ("least_share", 0.04, "least share 0.040 is below 0.05"),
    ],
)
def test_a_version_below_a_limit_is_refused_with_the_figure(
    registry: Registry, tmp_path: Path, figure: str, value: float, said: str
) -> None:
    number = register(registry, tmp_path, TYPES, {**GOOD, figure: value})
    verdict = TypesGate(registry, ModelSettings()).promote(number)
    assert (verdict.promoted, said in verdict.reason) == (False, True), verdict.reason
    assert registry.champion() is None
    assert said in registry.version(number).verdicts[-1]


def test_the_first_becomes_champion_and_a_worse_one_does_not(
    registry: Registry, tmp_path: Path
) -> None:
    gate = TypesGate(registry, ModelSettings())
    first = register(registry, tmp_path, TYPES, GOOD)
    assert gate.promote(first).promoted
    worse = gate.promote(register(registry, tmp_path, BLIND, GOOD))
    assert not worse.promoted and "on the same 600 cards against version 1" in worse.reason
    champion = registry.champion()
    assert champion is not None and champion.number == first


def test_a_better_one_replaces_the_champion(registry: Registry, tmp_path: Path) -> None:
    gate = TypesGate(registry, ModelSettings())
    gate.promote(register(registry, tmp_path, BLIND, GOOD))
    better = gate.promote(register(registry, tmp_path, TYPES, GOOD))
    assert better.promoted, better.reason


def test_with_approval_required_a_version_waits_in_the_shadow(
    registry: Registry, tmp_path: Path
) -> None:
    gate = TypesGate(registry, ModelSettings(require_approval=True))
    number = register(registry, tmp_path, TYPES, GOOD)
    assert gate.promote(number).reason.endswith("awaits approval")
    challenger = registry.challenger()
    assert challenger is not None and challenger.number == number
    registry.approve(number, "somebody")
    assert gate.promote(number).promoted


def test_two_versions_are_compared_on_the_command_line(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clustering has no labels to rank; what its segments say of spending is compared."""
    monkeypatch.setattr(cli_model, "load", lambda: Settings())
    monkeypatch.setattr(cli_model, "open_registry", lambda *_: registry)
    for model in (BLIND, TYPES):
        register(registry, tmp_path, model, GOOD)

    def said(*words: str) -> str:
        chosen = ("--domain", names.NAME, "--model", names.TYPES)
        result = CliRunner().invoke(cli.app, ["model", *words, *chosen], catch_exceptions=False)
        return result.stdout

    assert said("compare", "2", "1").startswith("R2 +0.")
    assert "on the same 600 cards" in said("compare", "2", "1")
    assert said("compare", "1", "2").startswith("R2 -0.")
    assert "r2 next 28 days" in said("list") and "# Types" in said("show", "1")
    assert "version 1 approved by Ada; promoted: first model" in said("approve", "1", "--by", "Ada")
    assert "version 2 is champion" in said("promote", "2", "--reason", "a hunch")
    assert "version 1 is champion" in said("rollback")


def test_a_version_without_what_its_cards_spent_is_not_compared(
    registry: Registry, tmp_path: Path
) -> None:
    old = register(registry, tmp_path, TYPES, GOOD, pl.DataFrame({"card": ["a"]}))
    with pytest.raises(ModelError, match="train the types again"):
        TypesGate(registry, ModelSettings()).compare(old, old)


def test_weeks_across_a_gap_are_not_compared() -> None:
    weeks = [week(DAY, 1), week(date(2026, 2, 16), 9)]
    assert cuts.steadiness(TYPES, weeks).agreement == 1.0
    assert cuts.steadiness(TYPES, [weeks[0], week(date(2026, 1, 12), 9)]).worst < 1.0


def test_the_models_have_names_of_their_own() -> None:
    assert len(set(names.MODELS)) == 3
