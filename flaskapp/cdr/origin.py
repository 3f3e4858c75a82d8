"""Which source an installation has: its files, or the simulated world."""

from __future__ import annotations

from typing import Any

from flaskapp.cdr.mappings import open_files
from flaskapp.cdr.sources import Source
from flaskapp.cdr.worlds import open_world
from lakehouse.clock import Clock
from lakehouse.domains.settings import Settings


def open_source(cursor: Any, settings: Settings, clock: Clock) -> Source:
    """The source that the settings name.

    Raises `SourceError` when its files cannot be read.
    """
    if settings.source.files:
        return open_files(settings, settings.source.files, settings.source.mapping, clock)
    return open_world(cursor, settings, clock)
