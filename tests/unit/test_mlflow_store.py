"""The registry in MLflow: what it shows there, and that it lives below an installation's state."""

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
from lakehouse.registry import Registry, open_registry
from tests.unit.conftest import MakeBundle, mlflow_store

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def test_mlflow_shows_parameters_figures_and_where_the_data_was(
    empty_database: Path, tmp_path: Path, make_bundle: MakeBundle
) -> None:
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    store = mlflow_store(tmp_path / "mlflow.db", tmp_path / "artifacts")
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
        Registry(mlflow_store(*places, model, f"{model} runs"), FixedClock(NOW)) for model in "ab"
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


def _halve(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _empty(file: Path) -> None:
    file.write_bytes(b"")


@pytest.mark.parametrize(
    ("damage", "got"),
    [
        (Path.unlink, "no file"),
        (_empty, "an empty file"),
        (_halve, "a file that SQLite"),
    ],
)
def test_a_registry_that_is_lost_or_damaged_is_named_and_not_begun_anew(
    empty_database: Path,
    tmp_path: Path,
    make_bundle: MakeBundle,
    damage: Callable[[Path], None],
    got: str,
) -> None:
    (tmp_path / "mlflow").mkdir()
    file = tmp_path / "mlflow" / "mlflow.db"
    shutil.copy(empty_database, file)
    settings = Settings(state_dir=str(tmp_path))
    open_registry(settings, CHURN).register(*make_bundle())
    damage(file)
    for ask in (
        lambda: open_registry(settings, CHURN).champion(),
        lambda: open_registry(settings, CHURN).versions(),
        lambda: open_registry(settings, CHURN).register(*make_bundle()),
    ):
        with pytest.raises(ModelError, match=rf"{file}: expected the registry .*, but got {got}"):
            ask()


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
