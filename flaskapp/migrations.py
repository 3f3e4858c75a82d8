"""Versioned changes of the database: the files below `conf/sql`, each applied once, in order.

There is one folder for what all domains share and one for each domain. Numbers form a single
sequence over all of them, so a file can move to another folder and still count as applied.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lakehouse import mysql, names
from lakehouse.errors import DatabaseError
from lakehouse.settings import ROOT

FOLDER = ROOT / "conf" / "sql"
_TABLE = (
    f"CREATE TABLE IF NOT EXISTS {names.MYSQL_MIGRATIONS} ("
    "version INT NOT NULL PRIMARY KEY, name VARCHAR(190) NOT NULL, "
    "sha256 CHAR(64) NOT NULL, applied_at DATETIME(3) NOT NULL)"
)
_APPLIED = f"SELECT version, sha256 FROM {names.MYSQL_MIGRATIONS}"  # noqa: S608
_RECORD = f"INSERT INTO {names.MYSQL_MIGRATIONS} VALUES (%s, %s, %s, UTC_TIMESTAMP(3))"  # noqa: S608


@dataclass(frozen=True)
class Migration:
    """One file `<version>_<name>.sql`; its statements may run twice without harm."""

    version: int
    name: str
    text: str

    @property
    def sha256(self) -> str:
        """Digest of the file, to notice when an applied one was edited."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def find(*folders: Path) -> list[Migration]:
    """The migrations in and below these folders, `conf/sql` by default, in order of their versions.

    Raises `DatabaseError` when two have the same number.
    """
    found: dict[int, Migration] = {}
    for path in (path for folder in folders or (FOLDER,) for path in folder.rglob("*.sql")):
        version, _, name = path.stem.partition("_")
        number = int(version)
        if number in found:
            raise DatabaseError(
                str(path), "a number of its own", f"{number}, which {found[number].name} has too",
                "take the next free one",
            )  # fmt: skip
        found[number] = Migration(number, name, path.read_text(encoding="utf-8"))
    return [found[number] for number in sorted(found)]


def statements(text: str) -> Iterator[str]:
    r"""Statements of a file as the `mysql` client would split it, `DELIMITER` lines included.

    >>> list(statements("-- a\nSELECT 1;\nDELIMITER //\nSELECT 2; SELECT 3//\n"))
    ['SELECT 1', 'SELECT 2; SELECT 3']
    """
    delimiter, lines = ";", list[str]()
    for line in text.splitlines():
        if line.startswith("DELIMITER "):
            delimiter = line.split()[1]
        elif line.strip() and not line.startswith("--"):
            lines.append(line)
            if line.rstrip().endswith(delimiter):
                yield "\n".join(lines).rstrip().removesuffix(delimiter)
                lines.clear()


def apply(connection: Any, migrations: list[Migration]) -> list[Migration]:
    """Apply what has not been applied yet; the migrations that were.

    Raises `DatabaseError` when an applied file was edited or a statement is refused.
    """
    with connection.cursor() as cursor:
        return _apply(connection, cursor, migrations)


def _apply(connection: Any, cursor: Any, migrations: list[Migration]) -> list[Migration]:
    cursor.execute(_TABLE)
    cursor.execute(_APPLIED)
    applied = dict(cursor.fetchall())
    fresh = [migration for migration in migrations if migration.version not in applied]
    for migration in migrations:
        if applied.get(migration.version, migration.sha256) != migration.sha256:
            raise DatabaseError(
                f"migration {migration.version}",
                "the file that was applied",
                "an edited one",
                "restore it and put the change into a new file",
            )
    for migration in fresh:
        for statement in statements(migration.text):
            _run(cursor, migration, statement)
        cursor.execute(_RECORD, (migration.version, migration.name, migration.sha256))
        connection.commit()
    return fresh


def _run(cursor: Any, migration: Migration, statement: str) -> None:
    try:
        cursor.execute(statement)
    except mysql.Error as error:
        where = f"migration {migration.version} ({statement.split('(')[0].strip()})"
        raise DatabaseError(
            where,
            "a statement that runs",
            error.msg,
            "see the file below conf/sql and the server's version",
        ) from None
