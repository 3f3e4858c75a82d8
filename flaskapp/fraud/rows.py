"""Where events come from: a file, or a simulated world."""

from __future__ import annotations

from functools import lru_cache
from typing import Protocol

import polars as pl

from flaskapp.fraud.laws import PLANS, Laws
from flaskapp.fraud.world import CardWorld
from lakehouse import csv_file
from lakehouse.domains.fraud import raw_rows
from lakehouse.domains.fraud.raw_rows import CsvRows
from lakehouse.domains.fraud.settings import FraudSettings
from lakehouse.http.requests import InvalidRequestError


class Rows(Protocol):
    """Where events come from: rows by number, with their truth in the column `Class`."""

    @property
    def name(self) -> str:
        """Name under which the position is kept."""
        ...

    @property
    def length(self) -> int | None:
        """How many rows there are; None for a source without an end."""
        ...

    def rows(self, first: int, count: int) -> pl.DataFrame:
        """Rows from `first` on."""
        ...


def open_rows(settings: FraudSettings, drift: str | None, first_row: int) -> Rows:
    """The file of the settings, or a world; raises `InvalidRequestError` for a drift of a file."""
    if settings.source is not None:
        if drift is not None:
            raise InvalidRequestError("drift must be left out: these rows come from a file")
        return read_file(settings.source, settings)
    laws = Laws.draw(settings.world_seed, settings.accounts, settings.world_rate)
    return CardWorld(laws) if drift is None else CardWorld(laws, PLANS[drift], first_row)


@lru_cache(maxsize=1)
def _read(address: str, options: tuple[tuple[str, str], ...]) -> CsvRows:
    found = csv_file.read(address, raw_rows.KINDS, dict(options), optional=(raw_rows.ACCOUNT,))
    return CsvRows(raw_rows.with_accounts(found), address)


def read_file(address: str, settings: FraudSettings) -> CsvRows:
    """The rows of a `creditcard.csv`; a file is read once. Raises `SourceError`."""
    return _read(address, tuple(sorted(settings.source_options.items())))
