"""What a registry needs from its storage."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Entry:
    """A stored version: its number, its training run and its tags."""

    version: int
    run_id: str
    created_at: datetime
    tags: Mapping[str, str]


@dataclass(frozen=True)
class RunRecord:
    """What is kept of a training run besides its files."""

    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]


class Store(Protocol):
    """Versions with files, tags and aliases. A store that does not exist yet reads as empty."""

    def add(self, folder: Path, run: RunRecord, tags: Mapping[str, str]) -> int:
        """Keep a copy of `folder` as a new version with `tags`; its number."""
        ...

    def entries(self) -> list[Entry]:
        """All versions, oldest first."""
        ...

    def folder(self, version: int) -> Path:
        """Where the files of a version can be read; the reader has to verify them."""
        ...

    def set_tag(self, version: int, key: str, value: str) -> None:
        """Note something on a version."""
        ...

    def aliases(self) -> dict[str, int]:
        """Versions by alias."""
        ...

    def set_alias(self, alias: str, version: int | None) -> None:
        """Point an alias to a version, or to none."""
        ...


@dataclass
class MemoryStore:
    """A store that lives as long as the process; files are copied below `root`."""

    root: Path
    runs: list[RunRecord] = field(default_factory=list)
    _entries: list[Entry] = field(default_factory=list)
    _aliases: dict[str, int] = field(default_factory=dict)

    def add(self, folder: Path, run: RunRecord, tags: Mapping[str, str]) -> int:
        """Keep a copy of `folder` as a new version with `tags`; its number."""
        version = len(self._entries) + 1
        shutil.copytree(folder, self.folder(version))
        created = datetime.fromtimestamp(version, UTC)
        self._entries.append(Entry(version, f"run-{version}", created, dict(tags)))
        self.runs.append(run)
        return version

    def entries(self) -> list[Entry]:
        """All versions, oldest first."""
        return list(self._entries)

    def folder(self, version: int) -> Path:
        """Where the files of a version are."""
        return self.root / str(version)

    def set_tag(self, version: int, key: str, value: str) -> None:
        """Note something on a version."""
        old = self._entries[version - 1]
        self._entries[version - 1] = Entry(
            old.version, old.run_id, old.created_at, {**old.tags, key: value}
        )

    def aliases(self) -> dict[str, int]:
        """Versions by alias."""
        return dict(self._aliases)

    def set_alias(self, alias: str, version: int | None) -> None:
        """Point an alias to a version, or to none."""
        if version is None:
            self._aliases.pop(alias, None)
        else:
            self._aliases[alias] = version
