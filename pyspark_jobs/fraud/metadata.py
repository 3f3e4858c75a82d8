"""`model_metadata.json` and the history of versions, as tools outside read them.

Both are views: the registry is the truth about models, the Delta table about training sets.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from lakehouse import files
from lakehouse.domains.fraud import figures
from lakehouse.domains.settings import Settings
from lakehouse.models import model_kinds
from lakehouse.registry import ModelVersion, Registry
from lakehouse.registry.history import history

FILE, INITIAL_FILE = "model_metadata.json", "model_metadata_initial.json"
MODELS_FOLDER = "models"
DATASETS_FOLDER = "training_datasets"
JOIN_FOLDER = "inf_truth_join"
DATASET_FILE = "ds.csv"
INITIAL: dict[str, Any] = {
    "current_version": -1,
    "model_version": None,
    "models_folder": MODELS_FOLDER,
    "inf_truth_join_folder": JOIN_FOLDER,
    "training_datasets_folder": DATASETS_FOLDER,
    "dataset_file": DATASET_FILE,
}


def path(settings: Settings) -> Path:
    """Where the file is."""
    return settings.fraud.project / FILE


def read(settings: Settings) -> dict[str, Any]:
    """The file's content; before the first version, what it begins with."""
    try:
        found: dict[str, Any] = json.loads(path(settings).read_bytes())
    except (FileNotFoundError, ValueError):
        return dict(INITIAL)
    return INITIAL | found


def begin(settings: Settings) -> None:
    """Write both files as they are before the first version, where they are missing."""
    content = json.dumps(INITIAL, indent=2).encode() + b"\n"
    for name in (INITIAL_FILE, FILE):
        place = settings.fraud.project / name
        if not place.exists():
            files.replace(place, content)


def write(settings: Settings, **changed: Any) -> None:
    """Change some keys of the file, keeping the others."""
    content = read(settings) | changed
    files.replace(path(settings), json.dumps(content, indent=2).encode() + b"\n")


def model_folder(settings: Settings, number: int) -> Path:
    """Where a version's exported files are."""
    return settings.fraud.project / MODELS_FOLDER / f"v{number}"


def export_model(settings: Settings, registry: Registry, version: ModelVersion) -> Path:
    """Copy a version's model file and figures to `models/v<N>`, for people to look at."""
    bundle = registry.load(version)
    folder = model_folder(settings, version.number)
    name = model_kinds.model_kind(bundle.manifest.kind).file
    files.replace(folder / name, bundle.file)
    content = msgspec.json.format(msgspec.json.encode(bundle.manifest.figures), indent=2)
    files.replace(folder / "figures.json", content + b"\n")
    return folder


def get_metrics_history(registry: Registry) -> list[dict[str, Any]]:
    """The figures of every version, oldest first: `version`, `rocauc`, and never without `prauc`.

    Each was measured on payments later than those that the version was trained on, so a worse
    version has a lower figure.
    """
    return [msgspec.structs.asdict(one) for one in figures.of_versions(history(registry))]
