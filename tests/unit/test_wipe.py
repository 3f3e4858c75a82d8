"""A reset removes what cdrlake wrote, and no file of anybody else."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cdrlake import cli, wipe
from cdrlake.wipe import EDA
from eda.run import FOLDER
from lakehouse.domains.settings import Settings
from monitoring.output import names

OURS = (
    *names.FILES,
    *(f"latest/{name}" for name in names.FILES),
    "runs/20260301T120000Z-0a1b2c/report.json",
    "models/other/report.html",
    "models/other/latest/report.html",
    "models/other/runs/20260301T120000Z-0a1b2c/report.json",
    "eda/report.html",
    "eda/days.png",
    "processed/processed_data_2026-03-01_120000.parquet",
)
THEIRS = (
    "notes.txt",
    "models/mine.txt",
    "eda/thoughts.md",
    "runs/mine/x.csv",
    "processed/other.parquet",
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.model_validate(
        {
            "state_dir": str(tmp_path / "state"),
            "lake": {"processed_dir": str(tmp_path / "output" / "processed")},
            "monitoring": {"output_dir": str(tmp_path / "output")},
        }
    )


def write(folder: Path, *files: str) -> None:
    for name in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x", encoding="utf-8")


def left(folder: Path) -> set[str]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)) for path in found}


def test_files_of_others_in_the_output_folder_stay(settings: Settings) -> None:
    write(settings.state, "lake/part.parquet")
    write(settings.output, *OURS, *THEIRS)
    wipe.wipe(settings)
    assert not settings.state.exists()
    assert left(settings.output) == set(THEIRS)
    assert not (settings.output / "latest").exists()


def test_models_stay_if_asked_for(settings: Settings) -> None:
    write(settings.state, "lake/part.parquet", "mlflow/mlflow.db", "mlflow/artifacts/1/model")
    write(settings.state, "secrets.yaml", "mysql/data/ibdata1")
    wipe.wipe(settings, keep_models=True)
    assert left(settings.state) == {"mlflow/mlflow.db", "mlflow/artifacts/1/model"}
    wipe.wipe(settings)
    assert not settings.state.exists()


def test_an_output_folder_with_nothing_else_in_it_goes_too(settings: Settings) -> None:
    write(settings.output, *OURS)
    wipe.wipe(settings)
    assert not settings.output.exists()


def test_the_folder_of_an_analysis_is_the_one_that_it_writes_to() -> None:
    assert EDA == FOLDER


def test_the_question_names_every_place(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = settings.lake.model_copy(update={"processed_dir": str(tmp_path / "copies")})
    elsewhere = settings.model_copy(update={"lake": lake})
    monkeypatch.setattr(cli, "chosen_settings", lambda: elsewhere)
    asked = CliRunner().invoke(cli.app, ["reset"], input="n\n")
    places = (elsewhere.state, elsewhere.output, elsewhere.processed)
    assert all(str(place) in asked.output.replace("\n", "") for place in places)
    assert "copies" not in wipe.describe(settings)
