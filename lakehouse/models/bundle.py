"""A model's folder: written once, and read only if every byte is what was registered."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
import polars as pl

from lakehouse.errors import ModelError
from lakehouse.models import manifest as manifests
from lakehouse.models.manifest import Manifest
from lakehouse.models.model_kinds import model_kind
from lakehouse.models.scoring import Scorer

MANIFEST = "manifest.json"
REFERENCE = "reference.parquet"
CARD = "card.md"
MLMODEL = "MLmodel"
# Names what reads the folder when MLflow is asked for the model; it says nothing of the model.
_FLAVOR = b"flavors:\n  python_function:\n    loader_module: lakehouse.models.mlflow_flavor\n"
# Files that are not hashed: the manifest itself, and what MLflow leaves behind where it loads a
# model from. The latter is never read.
_UNHASHED = {MANIFEST, "registered_model_meta"}
MAX_BYTES = 512 * 1024 * 1024


@dataclass(frozen=True)
class Bundle:
    """A model that has been verified against the registry, ready to score.

    `folder` is where it is stored; `file` has the bytes of the model file, for scoring in another
    process.
    """

    manifest: Manifest
    scorer: Scorer
    folder: Path
    file: bytes

    def reference(self) -> pl.DataFrame:
        """The test window scored out of sample: the reference that later days are compared with.

        Columns: entity, time, the features, label, prediction and score. Raises `ModelError`
        when the file is not the registered one.
        """
        data = _read(self.folder, REFERENCE)
        _require_hash(self.folder, REFERENCE, self.manifest.files[REFERENCE], data)
        return pl.read_parquet(io.BytesIO(data))


def feature_hash(features: tuple[str, ...]) -> str:
    """A short name for an ordered list of features.

    >>> feature_hash(("a", "b")) == feature_hash(("b", "a"))
    False
    """
    return hashlib.sha256("\n".join(features).encode()).hexdigest()[:16]


def sha256(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def hash_files(folder: Path) -> dict[str, str]:
    """SHA-256 of each of the model's files in `folder`, by name."""
    files = sorted(path for path in folder.iterdir() if path.name not in _UNHASHED)
    return {path.name: sha256(path.read_bytes()) for path in files}


def finalize(folder: Path, manifest: Manifest) -> str:
    """Write the manifest with the hashes of the files next to it; returns the manifest's SHA-256.

    A file that lets MLflow load the folder is added first.
    """
    (folder / MLMODEL).write_bytes(_FLAVOR)
    data = manifests.encode(msgspec.structs.replace(manifest, files=hash_files(folder)))
    (folder / MANIFEST).write_bytes(data)
    return sha256(data)


def load(folder: Path, manifest_sha256: str) -> Bundle:
    """Open the bundle in `folder` if it is the one whose manifest has this SHA-256.

    Each file is read once, hashed, and only then parsed from the same bytes. Raises `ModelError`
    for any byte, file or link that was not registered; nothing in the folder is ever executed.
    """
    data = _read(folder, MANIFEST)
    _require_hash(folder, MANIFEST, manifest_sha256, data)
    manifest = _decode(folder, data)
    kind = model_kind(manifest.kind)
    _require_names(folder, manifest.files, kind.file)
    contents = {name: _read(folder, name) for name in manifest.files}
    for name, expected in manifest.files.items():
        _require_hash(folder, name, expected, contents[name])
    scorer = kind.load(contents[kind.file], manifest.details)
    if (scorer.features, scorer.threshold) != (manifest.features, manifest.threshold):
        raise _refused(folder, "a manifest that speaks of another model")
    return Bundle(manifest, scorer, folder, contents[kind.file])


def _read(folder: Path, name: str) -> bytes:
    path = folder / name
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > MAX_BYTES:
            raise _refused(folder, f"no ordinary file {name} of at most {MAX_BYTES:,} bytes")
        return path.read_bytes()
    except OSError as error:
        raise _refused(folder, f"{name}: {error.strerror}") from None


def _decode(folder: Path, data: bytes) -> Manifest:
    try:
        return manifests.decode(data)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise _refused(folder, f"{MANIFEST}: {error}") from None


def _require_names(folder: Path, files: Mapping[str, str], model: str) -> None:
    present = {path.name for path in folder.iterdir()} - _UNHASHED
    if present != set(files) or model not in files:
        odd = sorted(present ^ set(files)) or [model]
        raise _refused(folder, f"other files than registered: {', '.join(odd[:3])}")


def _require_hash(folder: Path, name: str, expected: str, data: bytes) -> None:
    if sha256(data) != expected:
        raise _refused(folder, f"{name} with SHA-256 {sha256(data)[:12]}...")


def _refused(folder: Path, got: str) -> ModelError:
    return ModelError(
        str(folder), "the files that were registered", got, "restore them or register a new version"
    )
