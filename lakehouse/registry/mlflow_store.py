"""The registry's store in MLflow: a SQLite file and local artifacts, or any tracking server.

MLflow takes seconds and 150 MB to import, so it is only imported when first needed; a SQLite file
is read without it.
"""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlparse
from urllib.request import url2pathname

from filelock import FileLock

from lakehouse.errors import ModelError
from lakehouse.registry import mlflow_file
from lakehouse.registry.stores import Entry, RunRecord

if TYPE_CHECKING:
    from mlflow import MlflowClient

LOG = logging.getLogger(__name__)
_SQLITE = "sqlite:///"
_ARTIFACTS = "model"
# Nothing is reported to anybody, and no pickle is ever read.
_SWITCHES = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
T = TypeVar("T")


class MlflowStore:
    """Versions of the registered model called `model`; its runs are filed under `experiment`.

    `artifacts` is where files go, and are found, when the tracking store is a SQLite file; a
    tracking server decides for itself. The file records absolute paths, which are only valid until
    the installation is moved, so paths are derived from the run instead of being read from there.
    """

    def __init__(self, tracking_uri: str, artifacts: Path, model: str, experiment: str) -> None:
        self._uri, self._artifacts = tracking_uri, artifacts
        self._model, self._experiment = model, experiment

    def add(self, folder: Path, run: RunRecord, tags: Mapping[str, str]) -> int:
        """Log a run with the files of `folder` and register it as the next version."""
        client = self._client
        from mlflow.entities import Metric, Param

        started = client.create_run(self._experiment_id(), tags=dict(run.tags))
        run_id = started.info.run_id
        params = [Param(key, text) for key, text in run.params.items()]
        now = started.info.start_time
        metrics = [Metric(key, value, now, 0) for key, value in run.metrics.items()]
        client.log_batch(run_id, metrics, params)
        if self._file() is None:
            client.log_artifacts(run_id, str(folder), _ARTIFACTS)
            source = f"{started.info.artifact_uri}/{_ARTIFACTS}"
        else:
            shutil.copytree(folder, self._place(run_id))
            source = self._place(run_id).as_uri()
        client.set_terminated(run_id)
        if not client.search_registered_models(f"name = '{self._model}'"):
            client.create_registered_model(self._model)
        made = client.create_model_version(self._model, source, run_id, tags=dict(tags))
        return int(made.version)

    def entries(self) -> list[Entry]:
        """All versions, oldest first."""
        if self._is_absent():
            return []
        return self._read(mlflow_file.entries, self._entries_by_client)

    def _entries_by_client(self) -> list[Entry]:
        found = self._client.search_model_versions(f"name = '{self._model}'")
        return sorted((_entry(one) for one in found), key=lambda entry: entry.version)

    def folder(self, version: int) -> Path:
        """Where the files of a version can be read, fetched from a server if needed."""
        run_id = self._read(lambda file, model: mlflow_file.run_id(file, model, version), str)
        if run_id and self._place(run_id).is_dir():
            return self._place(run_id)
        found = self._client.get_model_version(self._model, str(version))
        if self._file() is not None and self._place(found.run_id).is_dir():
            return self._place(found.run_id)
        place = urlparse(found.source)
        if place.scheme in ("", "file"):
            return Path(url2pathname(place.path))
        target = self._artifacts / "fetched" / str(version)
        target.mkdir(parents=True, exist_ok=True)
        return Path(self._client.download_artifacts(found.run_id, _ARTIFACTS, str(target)))

    def set_tag(self, version: int, key: str, value: str) -> None:
        """Set a tag on a version."""
        self._client.set_model_version_tag(self._model, str(version), key, value)

    def aliases(self) -> dict[str, int]:
        """Versions by alias."""
        if self._is_absent():
            return {}
        return self._read(mlflow_file.aliases, self._aliases_by_client)

    def _aliases_by_client(self) -> dict[str, int]:
        found = self._client.search_registered_models(f"name = '{self._model}'")
        return {alias: int(number) for one in found for alias, number in one.aliases.items()}

    def set_alias(self, alias: str, version: int | None) -> None:
        """Point an alias to a version, or to none."""
        if version is None:
            self._client.delete_registered_model_alias(self._model, alias)
        else:
            self._client.set_registered_model_alias(self._model, alias, str(version))

    @cached_property
    def _client(self) -> MlflowClient:
        os.environ.update(_SWITCHES)
        from mlflow import MlflowClient

        for noisy in ("mlflow", "alembic"):
            logging.getLogger(noisy).setLevel(logging.WARNING)
        with self._only_one_creates():
            self._require_sound()
            client = MlflowClient(tracking_uri=self._uri, registry_uri=self._uri)
            client.get_experiment_by_name(self._experiment)
        return client

    @contextmanager
    def _only_one_creates(self) -> Iterator[None]:
        """Two processes must not create the tables of one SQLite file at the same time."""
        file = self._file()
        if file is None:
            yield
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(file.with_suffix(".lock")):
            yield

    def _read(self, from_file: Callable[[Path, str], T], by_client: Callable[[], T]) -> T:
        """What the SQLite file says; MLflow is asked where there is none, or of another layout."""
        file = self._file()
        if file is not None:
            try:
                return from_file(file, self._model)
            except (sqlite3.OperationalError, sqlite3.InterfaceError) as error:
                LOG.debug("%s: %s; asking MLflow", file, error)
            except sqlite3.DatabaseError:
                self._require_sound()
                raise
        return by_client()

    def _experiment_id(self) -> str:
        found = self._client.get_experiment_by_name(self._experiment)
        if found is not None:
            return str(found.experiment_id)
        place = self._artifacts.as_uri() if self._file() else None
        return str(self._client.create_experiment(self._experiment, artifact_location=place))

    def _place(self, run_id: str) -> Path:
        """Where the files of a run are, as MLflow lays out a folder of artifacts."""
        return self._artifacts / run_id / "artifacts" / _ARTIFACTS

    def _file(self) -> Path | None:
        return Path(self._uri.removeprefix(_SQLITE)) if self._uri.startswith(_SQLITE) else None

    def _is_absent(self) -> bool:
        self._require_not_lost()
        file = self._file()
        return file is not None and not file.exists()

    def _require_sound(self) -> None:
        """Raise `ModelError` for a lost or damaged file, which MLflow does not name."""
        self._require_not_lost()
        file = self._file()
        if file is not None and file.exists() and (found := mlflow_file.problem(file)):
            raise _damaged(file, f"a file that SQLite calls damaged ({found})")

    def _require_not_lost(self) -> None:
        """Raise `ModelError` where models are but their registry is not.

        A new one would have no champion, as if nobody had ever trained.
        """
        file = self._file()
        if file is None or (file.exists() and file.stat().st_size):
            return
        if any(self._artifacts.glob(f"*/artifacts/{_ARTIFACTS}")):
            raise _damaged(file, "an empty file" if file.exists() else "no file")


def _damaged(file: Path, got: str) -> ModelError:
    return ModelError(
        str(file),
        "the registry of the models beside it",
        got,
        "restore it from a backup (docs/operations.md, Backup and restore)",
    )


def _entry(found: Any) -> Entry:
    created = datetime.fromtimestamp(found.creation_timestamp / 1000, UTC)
    return Entry(int(found.version), found.run_id, created, found.tags)
