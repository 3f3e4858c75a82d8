"""Reads of MLflow's SQLite file with plain SQL.

Importing MLflow takes seconds and 150 MB, which a service that only asks which version is champion
need not pay. The tables are those of the pinned MLflow; whoever reads falls back to its client on
`sqlite3.Error`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from lakehouse.registry.stores import Entry

_PATIENCE_S = 5.0
_DELETED = "Deleted_Internal"
_ENTRIES = """
    SELECT version, run_id, creation_time FROM model_versions
    WHERE name = ? AND current_stage <> ? ORDER BY version
"""
_TAGS = "SELECT version, key, value FROM model_version_tags WHERE name = ?"
_ALIASES = "SELECT alias, version FROM registered_model_aliases WHERE name = ?"
_RUN = "SELECT run_id FROM model_versions WHERE name = ? AND version = ? AND current_stage <> ?"


def entries(file: Path, model: str) -> list[Entry]:
    """All versions of a model, oldest first. Raises `sqlite3.Error` for any other file."""
    with _reading(file) as connection:
        found = connection.execute(_ENTRIES, (model, _DELETED)).fetchall()
        noted = connection.execute(_TAGS, (model,)).fetchall()
    tags: dict[int, dict[str, str]] = {}
    for version, key, value in noted:
        tags.setdefault(version, {})[key] = value
    return [
        Entry(version, run_id, datetime.fromtimestamp(made / 1000, UTC), tags.get(version, {}))
        for version, run_id, made in found
    ]


def aliases(file: Path, model: str) -> dict[str, int]:
    """Versions of a model by alias. Raises `sqlite3.Error` for any other file."""
    with _reading(file) as connection:
        return dict(connection.execute(_ALIASES, (model,)).fetchall())


def run_id(file: Path, model: str, version: int) -> str | None:
    """The run that made a version; None if there is no such version. Raises as `entries` does."""
    with _reading(file) as connection:
        found = connection.execute(_RUN, (model, version, _DELETED)).fetchone()
    return None if found is None else str(found[0])


def problem(file: Path) -> str | None:
    """What SQLite finds wrong with the file; None if nothing."""
    try:
        with _reading(file) as connection:
            found = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.OperationalError:
        return None  # busy, or not there
    except sqlite3.DatabaseError as error:
        return str(error)
    return None if found == "ok" else found


@contextmanager
def _reading(file: Path) -> Iterator[sqlite3.Connection]:
    """A connection that cannot write, whose reads all see the same state."""
    uri = f"{file.absolute().as_uri()}?mode=ro"
    connection = sqlite3.connect(uri, uri=True, timeout=_PATIENCE_S, isolation_level=None)
    try:
        connection.execute("BEGIN")
        yield connection
    finally:
        connection.close()
