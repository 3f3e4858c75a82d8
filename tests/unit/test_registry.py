from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from lakehouse.clock import FixedClock
from lakehouse.errors import ModelError
from lakehouse.models.manifest import FOREST
from lakehouse.models.model_kinds import model_kind
from lakehouse.registry import ModelVersion, Registry
from lakehouse.registry.stores import MemoryStore, RunRecord, Store
from tests.unit.conftest import MakeBundle, mlflow_store

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture(params=["memory", "mlflow"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "memory":
        return MemoryStore(tmp_path / "memory")
    place = tmp_path / "state"
    place.mkdir()
    shutil.copy(request.getfixturevalue("empty_database"), place / "mlflow.db")
    return mlflow_store(place / "mlflow.db", place / "artifacts")


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def registry(store: Store, clock: FixedClock) -> Registry:
    return Registry(store, clock)


@pytest.fixture
def add(registry: Registry, make_bundle: MakeBundle) -> Callable[..., ModelVersion]:
    """Register one more version."""
    return lambda score_from=date(2026, 3, 6): registry.register(
        *make_bundle(score_from=score_from)
    )


Add = Callable[..., ModelVersion]


def test_an_empty_registry_has_no_champion_and_nothing_to_score(registry: Registry) -> None:
    assert registry.champion() is None
    assert registry.challenger() is None
    assert registry.versions() == []
    assert registry.scoring_start() is None


def test_a_registered_version_loads_as_it_was_sealed(
    registry: Registry, make_bundle: MakeBundle
) -> None:
    folder, manifest_sha256 = make_bundle()
    version = registry.register(folder, manifest_sha256)
    shutil.rmtree(folder)
    loaded = registry.load(version)
    assert version.number == 1
    assert version.manifest_sha256 == manifest_sha256
    assert version.score_from == date(2026, 3, 6)
    assert version.metric == "roc_auc" and version.figure == "0.800 [0.780, 0.820]"
    assert loaded.manifest.features == ("days_silent", "calls")


def test_a_folder_changed_in_the_store_is_refused(
    registry: Registry, store: Store, add: Add
) -> None:
    version = add()
    (store.folder(1) / model_kind(FOREST).file).write_bytes(b"something else")
    with pytest.raises(ModelError, match=r"model\.onnx with SHA-256"):
        registry.load(version)


def test_a_folder_that_is_not_what_its_hash_says_is_not_registered(
    registry: Registry, make_bundle: MakeBundle
) -> None:
    folder, _ = make_bundle()
    with pytest.raises(ModelError):
        registry.register(folder, "0" * 64)
    assert registry.versions() == []


def test_promotion_moves_the_title_and_keeps_the_reason(
    registry: Registry, clock: FixedClock, add: Add
) -> None:
    add(), add()
    registry.promote(1, "first model")
    clock.advance(60)
    promoted = registry.promote(2, "+1.2 points")
    assert registry.champion() == promoted
    assert promoted.verdicts == ("promoted: +1.2 points",)
    assert [version.alias for version in registry.versions()] == [None, "champion"]
    assert [version.promoted_at for version in registry.versions()] == [NOW, clock.now()]


def test_a_refusal_is_kept_and_changes_nothing_else(
    registry: Registry, clock: FixedClock, add: Add
) -> None:
    add(), add()
    registry.promote(1, "first model")
    registry.refuse(2, "calibration")
    clock.advance(1)
    assert registry.refuse(2, "still").verdicts == (
        "not promoted: calibration",
        "not promoted: still",
    )
    assert registry.champion() == registry.version(1)


def test_scoring_starts_where_the_first_champion_may_score_and_stays_there(
    registry: Registry, clock: FixedClock, add: Add
) -> None:
    add(date(2026, 2, 1)), add(date(2026, 3, 1)), add(date(2026, 4, 1))
    for number in (2, 1, 3, 2):
        registry.promote(number, "best")
        clock.advance(60)
        assert registry.scoring_start() == date(2026, 3, 1)


def test_rollback_goes_to_the_champion_before(registry: Registry, add: Add) -> None:
    add(), add(), add()
    registry.promote(1, "first")
    registry.promote(3, "better")
    assert registry.rollback().number == 1
    assert registry.champion() == registry.version(1)
    assert "rolled back from version 3" in registry.version(1).verdicts[-1]


@pytest.mark.parametrize("target", [None, 2, 1, 7])
def test_rollback_refuses_what_was_no_older_champion(
    registry: Registry, add: Add, target: int | None
) -> None:
    add(), add()
    registry.promote(1, "first")
    with pytest.raises(ModelError, match="an older champion"):
        registry.rollback(target)


def test_a_challenger_is_another_version_and_loses_the_role_when_promoted(
    registry: Registry, add: Add
) -> None:
    add(), add()
    registry.promote(1, "first")
    with pytest.raises(ModelError, match="another version than the champion"):
        registry.shadow(1)
    registry.shadow(2)
    assert registry.challenger() == registry.version(2)
    registry.promote(2, "better")
    assert registry.challenger() is None
    registry.shadow(1)
    registry.shadow(None)
    registry.shadow(None)
    assert registry.challenger() is None


def test_an_approval_names_who_gave_it(registry: Registry, add: Add) -> None:
    add()
    assert registry.version(1).approved_by is None
    assert registry.approve(1, "Ada").approved_by == "Ada"


@pytest.mark.parametrize(
    "act",
    [
        lambda registry: registry.version(9),
        lambda registry: registry.promote(9, "x"),
        lambda registry: registry.refuse(9, "x"),
        lambda registry: registry.approve(9, "x"),
        lambda registry: registry.shadow(9),
    ],
)
def test_an_unknown_version_names_the_known_ones(
    registry: Registry, add: Add, act: Callable[[Registry], object]
) -> None:
    add()
    with pytest.raises(ModelError, match="one of the versions 1, but got 9"):
        act(registry)


def test_a_version_of_before_shows_the_figure_that_it_was_judged_by(
    store: Store, registry: Registry, make_bundle: MakeBundle
) -> None:
    folder, sha256 = make_bundle()
    older = {"manifest_sha256": sha256, "score_from": "2026-03-06", "roc_auc": "0.7 [0.6, 0.8]"}
    store.add(folder, RunRecord({}, {}, {}), older)
    store.add(folder, RunRecord({}, {}, {}), {"manifest_sha256": sha256})
    before, bare = registry.versions()
    assert (before.metric, before.figure) == ("roc_auc", "0.7 [0.6, 0.8]")
    assert bare.figure == "" and bare.score_from == bare.created_at.date()


def test_a_registry_without_versions_says_so(registry: Registry) -> None:
    with pytest.raises(ModelError, match="no version 9, nor any other; train a model first"):
        registry.version(9)
