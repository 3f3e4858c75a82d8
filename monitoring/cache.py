"""Values of chunks, kept on disk so that no chunk is recomputed while its rows are unchanged."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import msgspec

from lakehouse.files import replace
from monitoring.analysis.values import VALUES_VERSION, ChunkValues
from monitoring.chunks import Chunk


class _Entry(msgspec.Struct, frozen=True):
    version: int
    stamp: str
    values: ChunkValues


class ChunkCache:
    """Chunk values of one model version and period below `folder`.

    A value's stamp includes whether traits of the entities were known: without them it has no
    slices, and is recomputed once they are known.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, _Entry] = {}

    def get(self, chunk: Chunk, has_traits: bool) -> ChunkValues | None:
        """Values of the chunk, unless its rows changed since or it was never computed.

        `has_traits` asks for values with slices; otherwise either kind will do.
        """
        name = _name(chunk)
        entry = self._known.get(name) or self._read(name)
        stamps = {_stamp(chunk, kind) for kind in (True, has_traits)}
        if entry is None or entry.version != VALUES_VERSION or entry.stamp not in stamps:
            return None
        self._known[name] = entry
        return entry.values

    def put(self, chunk: Chunk, values: ChunkValues, has_traits: bool) -> None:
        """Keep the values for as long as the chunk's stamp is unchanged."""
        entry = _Entry(VALUES_VERSION, _stamp(chunk, has_traits), values)
        replace(self._folder / _name(chunk), msgspec.json.encode(entry))
        self._known[_name(chunk)] = entry

    def _read(self, name: str) -> _Entry | None:
        try:
            return msgspec.json.decode((self._folder / name).read_bytes(), type=_Entry)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None


def _stamp(chunk: Chunk, has_traits: bool) -> str:
    return f"{chunk.stamp} with traits" if has_traits else chunk.stamp


def _name(chunk: Chunk) -> str:
    start, end = (_plain(moment) for moment in (chunk.start, chunk.end))
    return f"{start}_{end}_{chunk.skip}_{chunk.rows if chunk.skip else 0}.json"


def _plain(moment: date) -> str:
    """The time in a form that suits a file name."""
    return f"{moment:%Y-%m-%dT%H%M}" if isinstance(moment, datetime) else moment.isoformat()
