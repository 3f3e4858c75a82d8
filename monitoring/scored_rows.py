"""Rows of `gold.model_predictions`, with the features that the model saw unpacked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import msgspec
import numpy as np
import polars as pl

from lakehouse import store

FEATURES = "features_str"
COLUMNS = ("User", "Date", "label", "prediction", "probability_1")


def read(
    uri: str,
    at: int,
    model_version: int,
    spans: Sequence[tuple[date, date]],
    features: tuple[str, ...],
    options: store.Options | None = None,
) -> pl.DataFrame:
    """Rows that `model_version` scored with a date in one of `spans`, in order of date and user.

    The table is read as of version `at`. Columns: User, Date, label, prediction, probability_1,
    and the features as doubles.
    """
    wanted = pl.any_horizontal(pl.col("Date").is_between(*span) for span in spans)
    rows = store.scan(uri, options, at=at).filter(wanted, pl.col("model_version") == model_version)
    found = rows.select(*COLUMNS, FEATURES).collect().sort("Date", "User")
    return found.drop(FEATURES).hstack(_unpacked(found[FEATURES], features))


def _unpacked(texts: pl.Series, features: tuple[str, ...]) -> pl.DataFrame:
    """Texts as columns. Polars would take three times the time and ten times the memory."""
    fields = [(f"f{place}", float | None) for place in range(len(features))]
    names = {field: name for (field, _), name in zip(fields, features, strict=True)}
    row_type = msgspec.defstruct("Row", fields, rename=names, gc=False)
    decode, values_of = msgspec.json.Decoder(row_type).decode, msgspec.structs.astuple
    matrix = np.empty((len(texts), len(features)))
    for row, text in enumerate(texts):
        matrix[row] = values_of(decode(text))
    return pl.DataFrame(matrix, schema=features)
