from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import mlflow
import pandas as pd
import pytest

from lakehouse.clock import FixedClock
from lakehouse.domains.cdr.domain import CHURN
from lakehouse.domains.settings import Settings
from lakehouse.errors import ModelError
from lakehouse.models.manifest import FOREST
from lakehouse.models.model_kinds import model_kind
from lakehouse.registry import ModelVersion, Registry, open_registry
from lakehouse.registry.mlflow_store import MlflowStore
from lakehouse.registry.stores import MemoryStore, RunRecord, Store

MakeBundle = Callable[..., tuple[Path, str]]
NOW = datetime(2026, 6, 1, tzinfo=UTC)


def opened(
    database: Path, artifacts: Path, model: str = "first", runs: str = "runs"
) -> MlflowStore:
    """The store of one model in a database."""
    return MlflowStore(f"sqlite:///{database}", artifacts, model, runs)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow takes seconds to create its tables; every test copies this file."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    opened(path, path.parent)._client.search_registered_models()
    return path


@pytest.fixture(params=["memory", "mlflow"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "memory":
        return MemoryStore(tmp_path / "memory")
    place = tmp_path / "state"
    place.mkdir()
    shutil.copy(request.getfixturevalue("empty_database"), place / "mlflow.db")
    return opened(place / "mlflow.db", place / "artifacts")


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


def test_mlflow_shows_parameters_figures_and_where_the_data_was(
    empty_database: Path, tmp_path: Path, make_bundle: MakeBundle
) -> None:
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    store = opened(tmp_path / "mlflow.db", tmp_path / "artifacts")
    version = Registry(store, FixedClock(NOW)).register(*make_bundle())
    run = store._client.get_run(version.run_id)
    assert run.data.params == {"trees": "1"}
    assert run.data.metrics["roc_auc"] == 0.8
    assert run.data.metrics["roc_auc_low"] == pytest.approx(0.78)
    assert run.data.metrics["baseline_one_rule_roc_auc"] == 0.8
    assert run.data.tags["delta.gold.cdr_features"] == "3"
    assert run.info.status == "FINISHED"


def test_an_installation_without_models_is_asked_without_loading_mlflow(tmp_path: Path) -> None:
    script = (
        "import sys; from lakehouse.registry import open_registry;"
        "from lakehouse.domains.settings import load;"
        "from lakehouse.domains.cdr.domain import CHURN;"
        "registry = open_registry(load(), CHURN); assert registry.champion() is None;"
        "assert registry.scoring_start() is None; assert 'mlflow' not in sys.modules"
    )
    env = {**os.environ, "CDRLAKE_STATE_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", script], env=env, check=True)
    assert not list(tmp_path.iterdir())


def test_two_processes_may_open_a_new_registry_at_the_same_time(tmp_path: Path) -> None:
    script = (
        "from lakehouse.registry.mlflow_store import MlflowStore; from pathlib import Path;"
        f"MlflowStore('sqlite:///{tmp_path}/new/mlflow.db', Path('{tmp_path}'), 'm', 'e')._client"
    )
    processes = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(2)]
    assert [process.wait() for process in processes] == [0, 0]


def test_the_registry_of_an_installation_is_below_its_state(tmp_path: Path) -> None:
    settings = Settings(state_dir=str(tmp_path))
    assert settings.tracking_uri == f"sqlite:///{tmp_path}/mlflow/mlflow.db"
    assert open_registry(settings, CHURN).versions() == []


def test_pickles_are_switched_off_and_nothing_is_reported(empty_database: Path) -> None:
    assert empty_database.exists()
    assert os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] == "false"
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_models_of_two_domains_share_a_database_and_not_a_version(
    empty_database: Path, tmp_path: Path, make_bundle: MakeBundle
) -> None:
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    places = tmp_path / "mlflow.db", tmp_path / "artifacts"
    one, two = (
        Registry(opened(*places, model, f"{model} runs"), FixedClock(NOW)) for model in "ab"
    )
    one.register(*make_bundle()), one.register(*make_bundle())
    two.register(*make_bundle(score_from=date(2026, 5, 1)))
    one.promote(2, "better")
    assert [version.number for version in one.versions()] == [1, 2]
    assert [version.score_from for version in two.versions()] == [date(2026, 5, 1)]
    assert two.champion() is None
    two.promote(1, "first")
    assert one.champion() == one.version(2)


def moved(tmp_path: Path, empty_database: Path, make_bundle: MakeBundle) -> tuple[Path, Path]:
    """An installation with a champion, and a copy of its state in another place."""
    home, away = tmp_path / "home", tmp_path / "away"
    (home / "mlflow").mkdir(parents=True)
    shutil.copy(empty_database, home / "mlflow" / "mlflow.db")
    registry = open_registry(Settings(state_dir=str(home)), CHURN)
    registry.register(*make_bundle())
    registry.promote(1, "first model")
    shutil.copytree(home, away)
    return home, away


@pytest.mark.parametrize("is_home_gone", [True, False])
def test_a_moved_installation_reads_and_writes_its_own_models(
    tmp_path: Path, empty_database: Path, make_bundle: MakeBundle, is_home_gone: bool
) -> None:
    home, away = moved(tmp_path, empty_database, make_bundle)
    if is_home_gone:
        shutil.rmtree(home)
    registry = open_registry(Settings(state_dir=str(away)), CHURN)
    champion = registry.champion()
    assert champion is not None
    assert registry.load(champion).folder.is_relative_to(away)
    second = registry.register(*make_bundle())
    assert registry.load(second).folder.is_relative_to(away)
    assert home.exists() is not is_home_gone
    if not is_home_gone:
        assert len(list(home.glob("mlflow/artifacts/*"))) == 1


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


def test_mlflow_itself_loads_a_version_by_its_name(
    empty_database: Path, tmp_path: Path, make_bundle: MakeBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mlflow").mkdir()
    shutil.copy(empty_database, tmp_path / "mlflow" / "mlflow.db")
    settings = Settings(state_dir=str(tmp_path))
    registry = open_registry(settings, CHURN)
    version = registry.register(*make_bundle())
    monkeypatch.setenv("MLFLOW_TRACKING_URI", settings.tracking_uri)
    loaded = mlflow.pyfunc.load_model(f"models:/{CHURN.model}/{version.number}")
    rows = pd.DataFrame({"calls": [3.0, 0.0], "days_silent": [0.0, 5.0]}, index=[7, 8])
    found = loaded.predict(rows)
    scores = registry.load(version).scorer.score(rows[["days_silent", "calls"]].to_numpy())
    assert found["probability"].tolist() == scores.probability.tolist()
    assert found["prediction"].to_dict() == {7: 0, 8: 1}


def test_a_registry_without_versions_says_so(registry: Registry) -> None:
    with pytest.raises(ModelError, match="no version 9, nor any other; train a model first"):
        registry.version(9)
