"""What the checkpoints of queries hold, on a path as in an object store."""

from __future__ import annotations

import json
from typing import Any

from deltalake.fs import DeltaStorageHandler
from pyarrow.fs import FileSelector, FileSystem, LocalFileSystem, PyFileSystem, SubTreeFileSystem

from lakehouse.errors import StreamError
from lakehouse.names import QueryIdentity
from lakehouse.settings import Settings

_OFFSETS, _COMMITS = "offsets", "commits"
# How the offset log says that nothing has come from a source yet.
_NOTHING = "-"


def has_begun(identity: QueryIdentity, settings: Settings) -> bool:
    """Whether the query has a checkpoint with at least one batch in it."""
    return bool(_batches(_files(identity, settings), _OFFSETS))


def committed(identity: QueryIdentity, settings: Settings) -> list[Any]:
    """The next offset to read of each source, after the last completed batch; empty before one.

    It is None for a source from which nothing has come yet.
    Raises `StreamError` naming an entry of the offset log that cannot be read.
    """
    files, entry = _files(identity, settings), identity.checkpoint(settings.lake_uri)
    try:
        done = _batches(files, _COMMITS)
        if not done:
            return []
        entry = f"{entry}/{_OFFSETS}/{max(done)}"
        with files.open_input_stream(f"{_OFFSETS}/{max(done)}") as stream:
            lines = stream.read().decode().splitlines()
        # Behind the version of the log and the batch's metadata.
        found = [None if line == _NOTHING else json.loads(line) for line in lines[2:]]
        if not found:
            raise ValueError("no offsets in it")
    except (OSError, ValueError) as error:
        raise StreamError(
            entry,
            "an entry of the offset log that can be read",
            str(error),
            "restore the checkpoint, or raise the query's version (docs/operations.md, A query's "
            "state)",
        ) from None
    return found


def _files(identity: QueryIdentity, settings: Settings) -> FileSystem:
    folder = identity.checkpoint(settings.lake_uri).removeprefix("file://")
    if "://" in folder:
        return PyFileSystem(DeltaStorageHandler(folder, settings.lake_options))
    return SubTreeFileSystem(folder, LocalFileSystem())


def _batches(files: FileSystem, log: str) -> list[int]:
    found = files.get_file_info(FileSelector(log, allow_not_found=True))
    return [int(one.base_name) for one in found if one.base_name.isdecimal()]
