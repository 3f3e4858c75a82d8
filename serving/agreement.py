"""Which champion the processes of one service answer with, in the order of the registry.

Each process loads a new champion by itself. The first one that is ready announces it, and from then
on none of the others answers with the one before.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Protocol

from filelock import FileLock

# A champion: its number and the SHA-256 of its manifest.
Champion = tuple[int, str]


class Agreement(Protocol):
    """Where a service's processes announce new champions and look them up."""

    def champion(self, name: str) -> Champion | None:
        """Whom answers must come from; None before the first announcement. Takes no lock."""
        ...

    def deciding(self) -> AbstractContextManager[object]:
        """One process at a time decides: it asks the registry once more and may then announce."""
        ...

    def announce(self, name: str, champion: Champion) -> None:
        """From now on nobody answers with an earlier champion; only while `deciding`."""
        ...


class LocalAgreement:
    """For a process that serves alone."""

    def __init__(self, names: Iterable[str]) -> None:
        self._champions: dict[str, Champion | None] = dict.fromkeys(names)

    def champion(self, name: str) -> Champion | None:
        """The champion announced last."""
        return self._champions[name]

    def deciding(self) -> AbstractContextManager[object]:
        """Nobody else decides."""
        return nullcontext()

    def announce(self, name: str, champion: Champion) -> None:
        """Note the champion."""
        self._champions[name] = champion


class SharedAgreement:
    """For several processes: a small file in memory, with one slot for each of `names`.

    A slot is written once for every announcement and holds a counter before and after its content,
    so that a reader notices a slot that is being written.
    """

    _SLOT = struct.Struct("=QQ32sQ")

    def __init__(self, file: Path, names: Iterable[str]) -> None:
        ordered = sorted(names)
        self._at = {name: place * self._SLOT.size for place, name in enumerate(ordered)}
        self._lock = FileLock(file.with_suffix(".lock"))
        with self._lock, file.open("a+b") as opened:
            opened.truncate(max(len(ordered), 1) * self._SLOT.size)
            self._slots = mmap.mmap(opened.fileno(), 0)
        # What a slot was last seen to hold, so that a request only compares a few bytes.
        self._seen: dict[str, tuple[bytes, Champion | None]] = {}

    def champion(self, name: str) -> Champion | None:
        """The champion announced last by any process."""
        at = self._at[name]
        while True:
            raw = self._slots[at : at + self._SLOT.size]
            seen = self._seen.get(name)
            if seen is not None and seen[0] == raw:
                return seen[1]
            first, number, digest, last = self._SLOT.unpack(raw)
            if first == last:
                found = (number, digest.hex()) if first else None
                self._seen[name] = (raw, found)
                return found

    @contextmanager
    def deciding(self) -> Iterator[None]:
        """Hold the file's lock."""
        with self._lock:
            yield

    def announce(self, name: str, champion: Champion) -> None:
        """Write the slot: the first counter, the content, the last counter."""
        if self.champion(name) == champion:
            return
        at, size = self._at[name], self._SLOT.size
        count = self._SLOT.unpack(self._slots[at : at + size])[0] + 1
        raw = self._SLOT.pack(count, champion[0], bytes.fromhex(champion[1]), count)
        self._slots[at : at + 8] = raw[:8]
        self._slots[at + 8 : at + size - 8] = raw[8:-8]
        self._slots[at + size - 8 : at + size] = raw[-8:]
