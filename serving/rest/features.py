"""The latest features of an entity, from the lake."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from lakehouse import store
from lakehouse.domain import Scored
from lakehouse.errors import ModelError
from lakehouse.models import scoring
from lakehouse.models.forest import Floats
from lakehouse.names import table_uri
from lakehouse.settings import Settings
from serving.rest.errors import RestError

_SHOWN = 80


@dataclass(frozen=True)
class Found:
    """The features of an entity as a matrix of one row, and the moment that they describe."""

    rows: Floats
    as_of: str


class FeatureSource:
    """Where the features of one model are: a table with a row per entity and time."""

    def __init__(self, settings: Settings, scored: Scored) -> None:
        self._scored = scored
        self._uri = table_uri(settings.lake_uri, scored.features)
        self._options = settings.lake_options

    def latest(self, key: str, features: tuple[str, ...], until: date | None = None) -> Found:
        """The newest row of an entity, or the newest one up to a day.

        Raises `RestError`: 404 for an entity without a row, 409 for a table without the features.
        """
        entity, time = self._scored.entity, self._scored.time
        table = store.open_table(self._uri, self._options)
        if table is None:
            raise RestError(404, f"There are no features yet: the table {self._scored.features}.")
        rows = table.scan()
        mine = rows.filter(pl.col(entity).cast(pl.String) == key)
        if until is not None:
            mine = mine.filter(pl.col(time).cast(pl.Date) <= until)
        found = table.collect(mine.sort(time, descending=True, nulls_last=True).limit(1))
        if found.is_empty():
            told = "" if until is None else f" up to {until}"
            raise RestError(404, f"There are no features for {key!r:.{_SHOWN}}{told}.")
        try:
            row = scoring.matrix(found, features)
        except ModelError as error:
            raise RestError(409, str(error)) from None
        moment = found[time].item()
        return Found(row, moment.isoformat())
