"""The last prediction in the lake, asked for once more over HTTP: the same to the bit."""

from __future__ import annotations

from typing import Any

import polars as pl

from cdrlake.http import Api
from lakehouse import store
from lakehouse.domains.cdr import names
from lakehouse.domains.cdr.domain import CHURN
from lakehouse.domains.settings import Settings
from lakehouse.errors import ServiceError
from lakehouse.models.scoring import FEATURE_NAMES, FEATURES
from lakehouse.models.stored_features import features_of
from lakehouse.names import table_uri

_VERSION = "model_version"


def compare(settings: Settings, api: Api) -> str:
    """What both say, as a phrase. Raises `ServiceError` when they differ in any bit."""
    last = _last(settings)
    number, expected = last[_VERSION], last[CHURN.score]
    path = f"/models/{CHURN.model}/versions/{number}/predict"
    found = api.predict(path, features_of(last))["probability"]
    if found != expected:
        raise ServiceError.sentence(
            f"Version {number} gives {found!r} over HTTP and gave {expected!r} in the lake for the "
            "same features; see the log of serving.",
            where=path,
            needed=repr(expected),
            got=repr(found),
        )
    return f"{found:.4f} by version {number}, as in the lake"


def _last(settings: Settings) -> dict[str, Any]:
    """The prediction that was made last."""
    uri, options = table_uri(settings.lake_uri, names.PREDICTIONS), settings.lake_options
    rows = store.scan(uri, options).sort("scored_at", descending=True).limit(1)
    wanted = rows.select(pl.col(FEATURE_NAMES, FEATURES, CHURN.score, _VERSION))
    return store.collect(wanted, uri, options).row(0, named=True)
