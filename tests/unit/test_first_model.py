"""A first model is trained when that may bring a champion, and not again and again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lakehouse.clock import FixedClock
from lakehouse.registry import Registry, gates
from lakehouse.registry.stores import MemoryStore
from pyspark_jobs.cdr import first_model

MakeBundle = Callable[..., tuple[Path, str]]
# What the memory store gives its first version.
CREATED = datetime.fromtimestamp(1, UTC)
SOON, LATER = CREATED + timedelta(minutes=5), CREATED + timedelta(hours=2)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(MemoryStore(tmp_path / "store"), FixedClock(CREATED))


def test_with_nothing_there_a_training_is_due(registry: Registry) -> None:
    assert first_model.waits_for(registry, SOON) is None


def test_a_refused_version_is_followed_by_another_only_after_a_while(
    registry: Registry, make_bundle: MakeBundle
) -> None:
    registry.register(*make_bundle())
    registry.refuse(1, "ROC-AUC 0.5 is below 0.6")
    said = first_model.waits_for(registry, SOON)
    assert said == "version 1, not promoted: ROC-AUC 0.5 is below 0.6"
    assert first_model.waits_for(registry, LATER) is None


def test_a_version_that_awaits_approval_is_not_followed_by_another(
    registry: Registry, make_bundle: MakeBundle
) -> None:
    registry.register(*make_bundle())
    registry.refuse(1, f"first model, {gates.AWAITS_APPROVAL}")
    said = first_model.waits_for(registry, LATER)
    assert said is not None
    assert said.endswith(gates.AWAITS_APPROVAL)


def test_with_a_champion_there_is_nothing_to_do(
    registry: Registry, make_bundle: MakeBundle
) -> None:
    registry.register(*make_bundle())
    registry.promote(1, "first model")
    assert first_model.waits_for(registry, LATER) == "there is a champion"
