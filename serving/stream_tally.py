"""What a stream service has done, counted and published for pages and tests."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path

import msgspec

from lakehouse import files
from lakehouse.clock import Clock


@dataclass
class Tally:
    """Counts since the start of the process; with a `path` they are written there twice a second.

    `restored` are messages that were read again for the state alone.
    """

    path: Path | None = None
    counts: dict[str, int] = field(default_factory=dict)
    model_version: int | None = None

    def read(self, is_live: bool, is_repeated: bool) -> None:
        """Count a message that could be read."""
        self._add("repeated" if is_live and is_repeated else "read" if is_live else "restored")

    def refused(self) -> None:
        """Count a message that went to quarantine."""
        self._add("refused")

    def decided(self, events: int, flagged: int, version: int) -> None:
        """Count decisions."""
        self._add("decided", events)
        self._add("flagged", flagged)
        self.model_version = version

    def publish(self, clock: Clock) -> None:
        """Write the counts, if there is a place for them."""
        if self.path is not None:
            found = {key: value for key, value in asdict(self).items() if key != "path"}
            found["at"] = clock.now().isoformat()
            self.path.parent.mkdir(parents=True, exist_ok=True)
            files.replace(self.path, msgspec.json.encode(found))

    def _add(self, name: str, number: int = 1) -> None:
        self.counts[name] = self.counts.get(name, 0) + number
