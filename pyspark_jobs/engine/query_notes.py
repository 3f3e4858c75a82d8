"""What a query remembers next to its checkpoint: the versions it wrote, and the topic it reads.

A table that has lost its newest commits still looks like a table, and a topic that was deleted and
recreated still looks like a topic. Only notes about the earlier ones can reveal it. For a lake in
an object store, the notes are kept in the state folder.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError
from deltalake.fs import DeltaStorageHandler

from lakehouse import damage, files
from lakehouse.errors import StreamError
from lakehouse.names import QueryIdentity, table_uri
from lakehouse.settings import Settings

_DO = (
    "restore the newest commits of the table's log from a backup, or raise the query's version so "
    "that it reads everything again (docs/operations.md, A query's state)"
)


class Written(msgspec.Struct, frozen=True):
    """A table's own id, and its version after the query's last write."""

    table_id: str
    version: int


class Notes(msgspec.Struct, frozen=True):
    """Tables by name, and the id of the topic that the query reads (None until it is known)."""

    tables: dict[str, Written] = {}
    topic_id: str | None = None


class QueryNotes:
    """The notes of one query, for the single process that runs it."""

    def __init__(self, identity: QueryIdentity, settings: Settings) -> None:
        self._query, self._settings = identity.name, settings
        self._path = _path(identity, settings)

    def read(self) -> Notes:
        """The current notes; empty before the first.

        Raises `StreamError` for a file with other content.
        """
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Notes)
        except FileNotFoundError:
            return Notes()
        except msgspec.MsgspecError as error:
            raise StreamError(
                str(self._path),
                "the notes of the query",
                str(error),
                "restore the file, or delete it to start the query without this check",
            ) from None

    def note_topic(self, topic_id: str) -> None:
        """Remember the topic that the query reads."""
        notes = self.read()
        if notes.topic_id != topic_id:
            self._write(msgspec.structs.replace(notes, topic_id=topic_id))

    def note_tables(self, *tables: tuple[str, DeltaTable]) -> None:
        """Remember the versions of tables, given by name, after a write."""
        notes = self.read()
        versions = {
            name: Written(str(table.metadata().id), int(table.version())) for name, table in tables
        }
        if notes.tables | versions != notes.tables:
            self._write(msgspec.structs.replace(notes, tables=notes.tables | versions))

    def note_latest(self, *names: str) -> None:
        """Remember the newest versions of the named tables, as they are in the lake."""
        place, options = self._settings.lake_uri, self._settings.lake_options
        opened = ((name, damage.open_log(table_uri(place, name), options)) for name in names)
        self.note_tables(*opened)

    def check_tables(self) -> None:
        """Raise `StreamError` if a table has lost what the query wrote to it."""
        for name, written in self.read().tables.items():
            uri = table_uri(self._settings.lake_uri, name)
            table = self._opened(uri, written)
            if str(table.metadata().id) != written.table_id:
                raise self._lost(uri, "another table that was created since", written)
            if table.version() < written.version:
                raise self._lost(uri, f"version {table.version()}", written)
            if self._is_emptied(uri, written.version):
                raise self._lost(uri, "an empty commit in its place", written)

    def _opened(self, uri: str, written: Written) -> DeltaTable:
        # Beside each commit Spark leaves a checksum, which a lost commit contradicts.
        try:
            return DeltaTable(uri, storage_options=self._settings.lake_options)
        except DeltaError as error:
            problem = str(error).partition("\n")[0]
            raise self._lost(uri, f"a log that cannot be read ({problem})", written) from None

    def _lost(self, uri: str, got: str, written: Written) -> StreamError:
        needed = f"version {written.version} or later, which {self._query} has written"
        return StreamError(uri, needed, got, _DO)

    def _is_emptied(self, uri: str, version: int) -> bool:
        # A commit that a checkpoint covers may have been cleaned up: then there is no such file.
        handler = DeltaStorageHandler(_with_scheme(uri), self._settings.lake_options)
        (found,) = handler.get_file_info([f"_delta_log/{version:020}.json"])
        return bool(found.is_file) and found.size == 0

    def _write(self, notes: Notes) -> None:
        files.replace(self._path, msgspec.json.encode(notes))


def _with_scheme(uri: str) -> str:
    return uri if "://" in uri else f"file://{uri}"


def _path(identity: QueryIdentity, settings: Settings) -> Path:
    if "://" in settings.lake_uri:
        return settings.state / "queries" / f"{identity.name}.json"
    return Path(f"{identity.checkpoint(settings.lake_uri)}.notes.json")
