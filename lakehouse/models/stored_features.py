"""Features and reasons as a table of predictions stores them, unpacked and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from lakehouse.models.forest import Floats
from lakehouse.models.scoring import FEATURE_NAMES, FEATURES, reason_names

SPOKEN_FEATURES, SPOKEN_REASONS = "features_str", "reasons"


def unpacked(rows: pl.DataFrame, features: tuple[str, ...]) -> Floats:
    """The named features of stored rows as a matrix, one row each.

    Raises `KeyError` where the model of a row has no such feature.
    """
    if rows[FEATURE_NAMES].n_unique() == 1:
        return _of_one_model(rows[FEATURES], rows[FEATURE_NAMES][0], features)
    matrix = np.empty((len(rows), len(features)))
    numbered = rows.select(FEATURE_NAMES, FEATURES).with_row_index("row")
    for (text,), some in numbered.group_by(FEATURE_NAMES):
        own = _of_one_model(some[FEATURES], str(text), features)
        matrix[some["row"].to_numpy()] = own
    return matrix


def _of_one_model(stored: pl.Series, names: str, features: tuple[str, ...]) -> Floats:
    """The named features where all rows have the same; their own memory if in the same order."""
    known = names.split(",")
    matrix: Floats = stored.explode().to_numpy().reshape(len(stored), len(known))
    if tuple(known) == features:
        return matrix
    place = {name: at for at, name in enumerate(known)}
    return matrix[:, [place[name] for name in features]]


def features_of(row: Mapping[str, Any]) -> dict[str, float]:
    """The features of one stored row, by name."""
    return dict(zip(row[FEATURE_NAMES].split(","), row[FEATURES], strict=True))


def reasons_of(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The reasons of one stored row: feature, value and direction, the strongest first."""
    features = features_of(row)
    return [
        {
            "feature": row[name],
            "value": features[row[name]],
            "direction": "raises" if row[raises] else "lowers",
        }
        for name, raises in reason_names()
        if row[name] is not None
    ]


def spoken(rows: pl.DataFrame) -> pl.DataFrame:
    """Stored predictions with features and reasons as JSON, as MySQL and messages have them."""
    texts = [_texts(some) for _, some in rows.with_row_index("row").group_by(FEATURE_NAMES)]
    light = [FEATURE_NAMES, FEATURES, *(name for pair in reason_names() for name in pair)]
    if not texts:
        empty = {name: pl.lit(None, pl.String) for name in (SPOKEN_FEATURES, SPOKEN_REASONS)}
        return rows.drop(light).with_columns(**empty)
    whole = pl.concat(texts).sort("row").drop("row")
    return rows.drop(light).hstack(whole)


def _texts(some: pl.DataFrame) -> pl.DataFrame:
    names = str(some[FEATURE_NAMES][0]).split(",")
    values = pl.col(FEATURES).list
    features = values.to_struct(fields=names).struct.json_encode()
    reasons = [
        pl.struct(
            feature=pl.col(name),
            value=values.get(_position(name, names)),
            direction=pl.when(raises).then(pl.lit("raises")).otherwise(pl.lit("lowers")),
        ).struct.json_encode()
        for name, raises in reason_names()
    ]
    told = [
        pl.when(pl.col(name).is_not_null()).then(text)
        for (name, _), text in zip(reason_names(), reasons, strict=True)
    ]
    joined = pl.concat_str(told, separator=",", ignore_nulls=True)
    is_told = pl.col(reason_names()[0][0]).is_not_null()
    return some.select(
        "row",
        features.alias(SPOKEN_FEATURES),
        pl.when(is_told).then(pl.format("[{}]", joined)).alias(SPOKEN_REASONS),
    )


def _position(name: str, names: list[str]) -> pl.Expr:
    places = pl.Series(range(len(names)), dtype=pl.UInt32)
    return pl.col(name).replace_strict(names, places, default=None)
