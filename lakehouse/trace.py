"""One prediction followed back to the messages it came from, and forward to the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import msgspec
import numpy as np
import polars as pl

from lakehouse import store
from lakehouse.domains.cdr import names
from lakehouse.domains.cdr.contracts import BRONZE_EVENTS, SILVER_DAILY
from lakehouse.domains.cdr.domain import CHURN_OUTCOMES
from lakehouse.errors import ModelError
from lakehouse.names import table_uri
from lakehouse.outcomes import latest
from lakehouse.registry import Registry
from lakehouse.settings import Settings

TOLERANCE = 1e-9
_EVENT = [name for name in BRONZE_EVENTS.names if name not in ("id", "extras", "batch_id")]
_DAY = [name for name in SILVER_DAILY.names if name != "event_hashes"]

Row = dict[str, Any]


@dataclass(frozen=True)
class TracedPrediction:
    """A stored prediction, and the same number computed again from the version it names."""

    model_version: int
    run_id: str
    scored_at: str
    probability: float
    recomputed: float
    prediction: int
    features: Row
    reasons: list[Row]
    label: int | None

    @property
    def is_reproduced(self) -> bool:
        """Whether the version gives the stored number again."""
        return abs(self.probability - self.recomputed) <= TOLERANCE


@dataclass(frozen=True)
class Trace:
    """The way of one subscriber's day: messages, daily sums, features, predictions, truth.

    `events` and `days` reach as far back as any feature looks; `features` is the row of gold as
    it stands, None when there is none; `outcome` is None until it is known.
    """

    user: str
    date: date
    events: list[Row]
    days: list[Row]
    features: Row | None
    predictions: list[TracedPrediction]
    outcome: int | None


def trace(
    settings: Settings, registry: Registry, user: str, day: date, lookback_days: int
) -> Trace:
    """Collect everything that led to the predictions of `user` on `day`.

    Raises `ModelError` when the lake knows nothing of them.
    """
    since = day - timedelta(days=lookback_days - 1)
    lake = _Lake(settings, user)
    window = pl.col("Date").is_between(since, day)
    on_day = pl.col("Date") == day
    found = Trace(
        user=user,
        date=day,
        events=lake.rows(names.BRONZE_EVENTS, "DP_MSISDN", window, "DP_DATE", _EVENT),
        days=lake.rows(names.SILVER_DAILY, "User", window, "Date", _DAY),
        features=next(iter(lake.rows(names.GOLD_FEATURES, "User", on_day, "Date")), None),
        predictions=[
            _recompute(row, registry)
            for row in lake.rows(names.PREDICTIONS, "User", on_day, "model_version")
        ],
        outcome=_outcome(lake, day),
    )
    if not (found.events or found.days or found.features):
        raise ModelError("trace", f"a trace of {user} on {day}", "none", "check number and date")
    return found


class _Lake:
    """One subscriber's rows of any table; none where there is no table."""

    def __init__(self, settings: Settings, user: str) -> None:
        self._uri, self._options, self._user = settings.lake_uri, settings.lake_options, user

    def scan(self, table: str, key: str, where: pl.Expr) -> pl.LazyFrame | None:
        """Rows of the subscriber that satisfy `where`; None where there is no table."""
        uri = table_uri(self._uri, table)
        if not store.exists(uri, self._options):
            return None
        return store.scan(uri, self._options).filter(where & (pl.col(key) == self._user))

    def rows(
        self,
        table: str,
        key: str,
        where: pl.Expr,
        order: str | Sequence[str],
        columns: list[str] | None = None,
    ) -> list[Row]:
        """Rows of the subscriber that satisfy `where`, in order."""
        found = self.scan(table, key, where)
        if found is None:
            return []
        return found.sort(order).select(columns or pl.all()).collect().to_dicts()


def _recompute(row: Row, registry: Registry) -> TracedPrediction:
    features = msgspec.json.decode(row["features_str"], type=dict[str, float])
    scorer = registry.load(registry.version(row["model_version"])).scorer
    values = np.array([[features[name] for name in scorer.features]])
    return TracedPrediction(
        model_version=row["model_version"],
        run_id=row["run_id"],
        scored_at=row["scored_at"].isoformat(),
        probability=row["probability_1"],
        recomputed=float(scorer.score(values).probability[0]),
        prediction=row["prediction"],
        features=features,
        reasons=msgspec.json.decode(row["reasons"] or "[]"),
        label=row["label"],
    )


def _outcome(lake: _Lake, day: date) -> int | None:
    """The last word of the outcomes, as predictions are labelled by it."""
    told = CHURN_OUTCOMES
    found = lake.scan(told.table.name, told.entity, pl.col(told.time) == day)
    known = None if found is None else latest(found, told).collect()
    return None if known is None or known.is_empty() else int(known[told.label].item())
