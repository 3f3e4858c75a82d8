"""A reset removes what cdrlake wrote, and no file of anybody else."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cdrlake import cli, wipe
from cdrlake.cards import validated
from cdrlake.wipe import EDA
from eda.run import FOLDER
from lakehouse.domains.settings import Settings
from monitoring.output import names
from pyspark_jobs.fraud import exports, metadata
from pyspark_jobs.fraud.control import ANNOUNCED

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
    f"fraud/{metadata.FILE}",
    f"fraud/{metadata.INITIAL_FILE}",
    f"fraud/{exports.STATS}",
    f"fraud/{metadata.JOIN_FOLDER}/part_1_0.csv",
    f"fraud/{metadata.DATASETS_FOLDER}/v0/{metadata.DATASET_FILE}",
    f"cards/{validated.FILE}",
    f"cards/{validated.WEIGHTS}",
)
OF_MODELS = (
    f"fraud/models/v1/{ANNOUNCED}",
    "fraud/models/v1/model.onnx",
    "fraud/models/v1/figures.json",
)
THEIRS = (
    "notes.txt",
    "models/mine.txt",
    "eda/thoughts.md",
    "runs/mine/x.csv",
    "processed/other.parquet",
    "fraud/models/notes.md",
    "fraud/raw_dataset/creditcard.csv",
    "cards/mine.csv",
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.model_validate(
        {
            "state_dir": str(tmp_path / "state"),
            "lake": {"processed_dir": str(tmp_path / "output" / "processed")},
            "monitoring": {"output_dir": str(tmp_path / "output")},
            "fraud": {"project_dir": str(tmp_path / "output" / "fraud")},
            "cards": {"validated_dir": str(tmp_path / "output" / "cards")},
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
    write(settings.output, *OURS, *OF_MODELS, *THEIRS)
    wipe.wipe(settings)
    assert not settings.state.exists()
    assert left(settings.output) == set(THEIRS)
    assert not (settings.output / "latest").exists()


def test_models_stay_if_asked_for(settings: Settings) -> None:
    write(settings.state, "lake/part.parquet", "mlflow/mlflow.db", "mlflow/artifacts/1/model")
    write(settings.state, "secrets.yaml", "mysql/data/ibdata1")
    write(settings.output, *OURS, *OF_MODELS)
    wipe.wipe(settings, keep_models=True)
    assert left(settings.state) == {"mlflow/mlflow.db", "mlflow/artifacts/1/model"}
    assert left(settings.output) == set(OF_MODELS)
    wipe.wipe(settings)
    assert not settings.state.exists()


def test_an_output_folder_with_nothing_else_in_it_goes_too(settings: Settings) -> None:
    write(settings.output, *OURS, *OF_MODELS)
    wipe.wipe(settings)
    assert not settings.output.exists()


def test_what_lies_in_an_object_store_stays(settings: Settings) -> None:
    cards = settings.cards.model_copy(update={"validated_dir": "s3://bucket/cards"})
    wipe.wipe(settings.model_copy(update={"cards": cards}))


def test_the_folder_of_an_analysis_is_the_one_that_it_writes_to() -> None:
    assert EDA == FOLDER


def test_the_question_names_every_place(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = settings.lake.model_copy(update={"processed_dir": str(tmp_path / "copies")})
    fraud = settings.fraud.model_copy(update={"project_dir": str(tmp_path / "project")})
    elsewhere = settings.model_copy(update={"lake": lake, "fraud": fraud})
    monkeypatch.setattr(cli, "chosen_settings", lambda: elsewhere)
    asked = CliRunner().invoke(cli.app, ["reset"], input="n\n")
    places = (elsewhere.state, elsewhere.output, elsewhere.processed, fraud.project)
    assert all(str(place) in asked.output.replace("\n", "") for place in places)
    assert "copies" not in wipe.describe(settings)
