"""Who answers for a model: champions swapped, bad ones refused, callers split, processes agreed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lakehouse.clock import FixedClock, SystemClock
from lakehouse.errors import ModelError
from lakehouse.registry import Registry
from lakehouse.registry.stores import MemoryStore
from serving.agreement import SharedAgreement
from serving.models import Models, NotReadyError, UnknownModelError
from serving.served import LoadedModel
from tests.unit.conftest import small_model

MakeBundle = Callable[..., tuple[Path, str]]
CLOCK = FixedClock(datetime(2026, 6, 1, tzinfo=UTC))


@pytest.fixture
def store(tmp_path: Path) -> MemoryStore:
    return MemoryStore(tmp_path / "store")


@pytest.fixture
def registry(store: MemoryStore, make_bundle: MakeBundle) -> Registry:
    """Three versions of one model; the first is champion."""
    registry = Registry(store, CLOCK)
    for vote in (0.7, 0.8, 0.9):
        registry.register(*make_bundle(small_model(silent_vote=vote)))
    registry.promote(1, "first")
    return registry


@pytest.fixture
def models(registry: Registry) -> Models:
    found = Models({"m": registry}, CLOCK)
    found.refresh()
    return found


def break_files(store: MemoryStore, version: int) -> None:
    (store.folder(version) / "model.onnx").write_bytes(b"half a fi")


def test_the_champion_answers_and_a_promotion_swaps_it(models: Models, registry: Registry) -> None:
    assert models.served("m").champion.version == 1
    registry.promote(2, "better")
    assert models.served("m").champion.version == 1
    models.refresh()
    assert models.served("m").champion.version == 2
    registry.rollback()
    models.refresh()
    assert models.served("m").champion.version == 1


def test_a_broken_champion_is_refused_and_the_one_before_goes_on(
    models: Models, registry: Registry, store: MemoryStore, caplog: pytest.LogCaptureFixture
) -> None:
    break_files(store, 2)
    registry.promote(2, "better")
    models.refresh()
    models.refresh()
    assert models.served("m").champion.version == 1
    assert "SHA-256" in models.refused("m")[2]
    assert [record.levelname for record in caplog.records].count("ERROR") == 1
    with pytest.raises(NotReadyError, match="Version 2 of m cannot be served"):
        models.version("m", 2)
    registry.promote(3, "whole")
    models.refresh()
    assert models.served("m").champion.version == 3


def test_a_model_without_a_champion_or_with_another_name_says_so(
    registry: Registry, tmp_path: Path
) -> None:
    models = Models({"m": registry, "empty": Registry(MemoryStore(tmp_path), CLOCK)}, CLOCK)
    assert not models.ready()
    models.refresh()
    assert models.ready() and models.ready("m") and not models.ready("empty")
    with pytest.raises(NotReadyError, match="no version in service"):
        models.served("empty")
    with pytest.raises(UnknownModelError, match="did you mean 'empty'"):
        models.served("emty")
    with pytest.raises(UnknownModelError, match="its versions are: 1, 2, 3"):
        models.version("m", 7)


def test_any_version_is_loaded_when_it_is_asked_for(models: Models) -> None:
    assert models.loaded("m", 3) is None
    assert models.version("m", 3).version == 3
    assert models.loaded("m", 3) is models.version("m", 3)
    assert models.served("m").champion.version == 1


def test_a_registry_that_does_not_answer_changes_nothing(
    models: Models, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> dict[str, int]:
        raise OSError("away")

    monkeypatch.setattr(store, "aliases", away)
    models.refresh()
    assert models.served("m").champion.version == 1


def test_the_registry_decides_on_the_shadow_and_on_the_split(
    models: Models, registry: Registry
) -> None:
    registry.shadow(2)
    registry.split(3, 0.25)
    models.refresh()
    served = models.served("m")
    assert served.shadow is not None and served.shadow.version == 2
    chosen = {key: served.choose(key).version for key in map(str, range(2_000))}
    assert 400 < sum(version == 3 for version in chosen.values()) < 600
    assert {key: served.choose(key).version for key in chosen} == chosen
    assert served.choose(None).version == 1
    registry.split(None)
    models.refresh()
    assert {models.served("m").choose(key).version for key in chosen} == {1}


def test_a_hint_is_followed_at_once(registry: Registry) -> None:
    models, stop = Models({"m": registry}, SystemClock()), threading.Event()
    follower = threading.Thread(target=models.follow, args=(stop, 600.0))
    follower.start()
    models.hint()
    while not models.ready():
        stop.wait(0.01)
    stop.set()
    models.hint()
    follower.join()


def test_no_process_answers_with_a_champion_older_than_another_has_answered_with(
    registry: Registry, store: MemoryStore, tmp_path: Path
) -> None:
    one, two = (
        Models({"m": registry}, CLOCK, SharedAgreement(tmp_path / "champions", ["m"]))
        for _ in range(2)
    )
    one.refresh()
    two.refresh()
    registry.promote(2, "better")
    one.refresh()
    assert one.served("m").champion.version == 2
    assert not two.is_current("m")
    assert two.served("m").champion.version == 2
    registry.promote(3, "better still")
    one.refresh()
    break_files(store, 3)
    with pytest.raises(NotReadyError, match="being loaded"):
        two.served("m")


def test_a_model_that_is_not_made_for_the_service_is_refused(registry: Registry) -> None:
    def require(loaded: LoadedModel) -> None:
        if loaded.version == 2:
            raise ModelError("model m", "features of the stream", "others", "promote another")

    models = Models({"m": registry}, CLOCK, require=require)
    models.refresh()
    registry.promote(2, "of another stream")
    models.refresh()
    assert models.served("m").champion.version == 1
    assert "features of the stream" in models.refused("m")[2]
