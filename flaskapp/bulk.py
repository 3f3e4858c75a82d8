"""Fast inserts of frames: from a file that the server reads, or else by multi-row INSERTs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
from filelock import FileLock, Timeout

from lakehouse import mysql
from lakehouse.errors import DatabaseError
from lakehouse.settings import Settings

LOCK = ".lock"


class Uploader:
    """A connection that frames can be inserted through; commits are the caller's."""

    def __init__(self, connection: Any, folder: Path) -> None:
        self.connection = connection
        self._file = folder / "block.tsv"
        with connection.cursor() as cursor:
            cursor.execute("SELECT @@local_infile")
            self._reads_files = bool(cursor.fetchone()[0])

    def insert(self, table: str, frame: pl.DataFrame) -> None:
        """Add the rows of `frame` to the columns of the same names; either all of them or an error.

        Raises `DatabaseError` when the server accepts fewer rows than there are.
        """
        columns = ", ".join(f"`{name}`" for name in frame.columns)
        plain = frame.with_columns(_as_text(frame))
        with self.connection.cursor() as cursor:
            if self._reads_files:
                plain.write_csv(
                    self._file,
                    separator="\t",
                    include_header=False,
                    null_value="\\N",
                    quote_style="never",
                    float_precision=3,
                )
                load = f"LOAD DATA LOCAL INFILE %s INTO TABLE {table} CHARACTER SET utf8mb4"
                cursor.execute(f"{load} ({columns})", (str(self._file),))
            else:
                marks = ", ".join(["%s"] * frame.width)
                statement = f"INSERT INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608
                cursor.executemany(statement, plain.rows())
            # A row that breaks a rule is an error in an INSERT, but only a warning in LOAD DATA.
            if cursor.rowcount != frame.height or cursor.warning_count:
                raise DatabaseError(
                    f"table {table}",
                    f"{frame.height} rows inserted",
                    f"{cursor.rowcount} and {cursor.warning_count} warnings",
                    "the rows break a rule of the table",
                )


def _as_text(frame: pl.DataFrame) -> list[pl.Expr]:
    return [
        pl.col(name).dt.strftime("%Y-%m-%d %H:%M:%S%.3f")
        for name, kind in frame.schema.items()
        if isinstance(kind, pl.Datetime)
    ]


@contextmanager
def open_uploader(settings: Settings) -> Iterator[Uploader]:
    """An uploader with its own connection, both closed at the end.

    Its file is below the state folder. A killed process leaves its file there, and the next
    uploader removes it.
    """
    with (
        _own_folder(settings.state / "uploads") as folder,
        mysql.connect(settings.mysql, upload_from=folder) as connection,
    ):
        yield Uploader(connection, folder)


@contextmanager
def _own_folder(place: Path) -> Iterator[Path]:
    """A new locked folder in `place`; folders that are no longer locked are removed."""
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ExitStack() as stack:
        with FileLock(
            place.with_suffix(LOCK)
        ):  # so that a new folder is locked before it is looked at
            _remove_left(place)
            own = TemporaryDirectory(dir=place, ignore_cleanup_errors=True)
            folder = Path(stack.enter_context(own))
            stack.enter_context(FileLock(folder / LOCK))
        yield folder


def _remove_left(place: Path) -> None:
    """Remove the folders of killed processes; living processes hold their locks."""
    for folder in filter(Path.is_dir, place.iterdir()):
        with suppress(Timeout, FileNotFoundError), FileLock(folder / LOCK, blocking=False):
            shutil.rmtree(folder, ignore_errors=True)
