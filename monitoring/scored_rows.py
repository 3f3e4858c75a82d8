"""Predictions as monitoring sees them: the same column names for every model.

This is the only place where a model's own columns are renamed; from here on, rows have `ENTITY`,
`TIME` and `analysis.values`' LABEL, PREDICTION and SCORE, and the features by their names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from lakehouse import store
from lakehouse.domain import Scored
from lakehouse.errors import MonitoringError
from lakehouse.models.scoring import FEATURE_NAMES, FEATURES
from lakehouse.models.stored_features import unpacked
from lakehouse.names import table_uri
from monitoring.analysis.values import ENTITY, LABEL, PREDICTION, SCORE, TIME
from monitoring.buckets import Buckets

# A table with this column has the rows of several models.
MODEL = "model"


@dataclass(frozen=True)
class ScoredRows:
    """Reads the rows of `scored` in one lake.

    The features come from the column `features` where the table has it, else from the table of
    features, by entity and time.
    """

    scored: Scored
    lake_uri: str
    options: store.Options | None = None

    @property
    def uri(self) -> str:
        """The location of the predictions."""
        return table_uri(self.lake_uri, self.scored.table.name)

    @property
    def buckets(self) -> Buckets:
        """How their time is divided into buckets."""
        return Buckets.of(self.scored)

    def of_version(self, at: int, model_version: int) -> pl.LazyFrame:
        """The predictions of one model version, as of a version of their table."""
        rows = store.scan(self.uri, self.options, at=at)
        return rows.filter(pl.col("model_version") == model_version)

    def read(
        self,
        at: int,
        model_version: int,
        spans: Sequence[tuple[date, date]],
        features: tuple[str, ...],
    ) -> pl.DataFrame:
        """Rows that `model_version` scored in the buckets of `spans`, by time and entity.

        The table is read as of version `at`. Columns: those of `canonical`.
        """
        scored, time = self.scored, pl.col(self.scored.time)
        wanted = pl.any_horizontal(self.buckets.between(time, *span) for span in spans)
        rows = store.scan(self.uri, self.options, at=at)
        chosen = rows.filter(wanted, pl.col("model_version") == model_version)
        if MODEL in scored.table.names:
            chosen = chosen.filter(pl.col(MODEL) == scored.model)
        names = list(columns(scored))
        if FEATURES in scored.table.names:
            stored = chosen.select(*names, FEATURES, FEATURE_NAMES)
            found = store.collect(stored, self.uri, self.options)
            known = _with_features(found, features)
        else:
            uri = table_uri(self.lake_uri, scored.features)
            held = store.scan(uri, self.options).filter(wanted)
            keys = [scored.entity, scored.time]
            joined = chosen.select(names).join(held.select(*keys, *features), on=keys, how="inner")
            known = store.collect(joined, self.uri, self.options)
        return in_order(canonical(scored, known))


def _with_features(found: pl.DataFrame, features: tuple[str, ...]) -> pl.DataFrame:
    values = pl.DataFrame(unpacked(found, features), schema=features)
    return found.drop(FEATURES, FEATURE_NAMES).hstack(values)


def in_order(rows: pl.DataFrame) -> pl.DataFrame:
    """Canonical rows by time and entity: the same frame if they are in that order already."""
    keys = rows.select(TIME, ENTITY).with_row_index("_row")
    order = keys.sort(TIME, ENTITY, maintain_order=True)["_row"]
    return rows if order.is_sorted() else rows[order]


def columns(scored: Scored) -> dict[str, str]:
    """The canonical name of each of the model's own columns."""
    return {
        scored.entity: ENTITY,
        scored.time: TIME,
        scored.label: LABEL,
        scored.prediction: PREDICTION,
        scored.score: SCORE,
    }


def canonical(scored: Scored, rows: pl.DataFrame) -> pl.DataFrame:
    """`rows` with ENTITY, TIME, LABEL and PREDICTION as 0 and 1, SCORE; other columns stay.

    Raises `MonitoringError` where a feature has one of these names.
    """
    names = columns(scored)
    taken = set(rows.columns) - names.keys() & set(names.values())
    if taken := taken & set(names.values()):
        raise MonitoringError(
            f"model {scored.model}", "features whose names are not reserved",
            ", ".join(sorted(taken)), "rename them",
        )  # fmt: skip
    numbers = [pl.col(name).cast(pl.Int32) for name in (LABEL, PREDICTION)]
    return rows.rename(names).with_columns(numbers)
