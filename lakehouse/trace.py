"""Traces one prediction back to the messages it came from, and forward to the outcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import polars as pl

from lakehouse import store
from lakehouse.domain import Domain, Hop, Outcomes, Scored
from lakehouse.errors import ModelError
from lakehouse.models.scoring import FEATURES
from lakehouse.models.stored_features import features_of, reasons_of
from lakehouse.names import table_uri
from lakehouse.outcomes import latest
from lakehouse.registry import Registry
from lakehouse.settings import Settings

TOLERANCE = 1e-9

Row = dict[str, Any]
Moment = date | datetime


@dataclass(frozen=True)
class TracedPrediction:
    """A stored prediction, and the same number recomputed with the version it names.

    `recomputed` is None where the registry has no such version, or the features are gone.
    """

    model_version: int
    run_id: str
    scored_at: str
    probability: float
    recomputed: float | None
    prediction: int
    features: Row
    reasons: list[Row]
    label: int | None

    @property
    def is_reproduced(self) -> bool:
        """Whether the version reproduces the stored number."""
        again = self.recomputed
        return again is not None and abs(self.probability - again) <= TOLERANCE


@dataclass(frozen=True)
class Trace:
    """The path of one entity's prediction: its rows at each hop, features, predictions, outcome.

    `hops` reach as far back as any feature looks; `features` is the current row, None if there is
    none; `outcome` is None until it is known.
    """

    entity: str
    time: Moment
    hops: dict[str, list[Row]]
    features: Row | None
    predictions: list[TracedPrediction]
    outcome: int | None

    def as_dict(self, scored: Scored) -> dict[str, Any]:
        """Plain values for JSON; entity and time go by the names of their columns."""
        return {
            scored.entity.lower(): self.entity,
            scored.time.lower(): self.time,
            **self.hops,
            "features": self.features,
            "predictions": [asdict(one) for one in self.predictions],
            "outcome": self.outcome,
        }


def trace(
    settings: Settings,
    registry: Registry,
    domain: Domain,
    scored: Scored,
    entity: str,
    time: Moment,
) -> Trace:
    """Collect everything that led to the predictions of `scored` for `entity` at `time`.

    Raises `ModelError` when the lake knows nothing about them.
    """
    lake = _Lake(settings, entity)
    since = time - settings.domain(domain.name).lookback
    at = pl.col(scored.time) == time
    described = next(iter(lake.rows(scored.features, scored.entity, at, scored.time)), None)
    predictions = [
        _recompute(row, described, scored, registry)
        for row in lake.rows(scored.table.name, scored.entity, at, "model_version")
    ]
    found = Trace(
        entity=entity,
        time=time,
        hops={hop.name: lake.hop(hop, since, time) for hop in domain.hops},
        features=described,
        predictions=predictions,
        outcome=_outcome(lake, scored.outcomes, time, predictions),
    )
    if not (any(found.hops.values()) or found.features):
        raise ModelError.sentence(
            f"The lake knows nothing of {entity} on {time}; check {scored.entity} and "
            f"{scored.time}.",
            where="trace",
        )
    return found


class _Lake:
    """One entity's rows of any table; none if there is no table."""

    def __init__(self, settings: Settings, entity: str) -> None:
        self._uri, self._options, self._entity = settings.lake_uri, settings.lake_options, entity

    def hop(self, hop: Hop, after: Moment, until: Moment) -> list[Row]:
        """The entity's rows of a hop, later than `after` and not later than `until`."""
        window = pl.col(hop.time).is_between(after, until, closed="right")
        columns = [name for name in hop.table.names if name not in hop.hidden]
        return self.rows(hop.table.name, hop.entity, window, hop.order, columns)

    def scan(self, table: str, key: str, where: pl.Expr) -> pl.LazyFrame | None:
        """Rows of the entity that satisfy `where`; None if there is no table."""
        uri = table_uri(self._uri, table)
        if not store.exists(uri, self._options):
            return None
        rows = store.scan(uri, self._options)
        # What no entity of this kind can be called is nobody.
        entity = pl.lit(self._entity).cast(rows.collect_schema()[key], strict=False)
        return rows.filter(where & (pl.col(key) == entity))

    def rows(
        self,
        table: str,
        key: str,
        where: pl.Expr,
        order: str | Sequence[str],
        columns: list[str] | None = None,
    ) -> list[Row]:
        """Rows of the entity that satisfy `where`, in order."""
        found = self.scan(table, key, where)
        if found is None:
            return []
        uri = table_uri(self._uri, table)
        chosen = found.sort(order).select(columns or pl.all())
        return store.collect(chosen, uri, self._options).to_dicts()


def _recompute(
    row: Row, described: Row | None, scored: Scored, registry: Registry
) -> TracedPrediction:
    """The features come with the prediction, or else from the row that describes the entity."""
    features, recomputed = features_of(row) if FEATURES in row else described or {}, None
    version = next((v for v in registry.versions() if v.number == row["model_version"]), None)
    if version is not None and features:
        scorer = registry.load(version).scorer
        features = {name: features[name] for name in scorer.features}
        values = np.array([list(features.values())], dtype=np.float64)
        recomputed = float(scorer.score(values).probability[0])
    return TracedPrediction(
        model_version=row["model_version"],
        run_id=row["run_id"],
        scored_at=row["scored_at"].isoformat(),
        probability=row[scored.score],
        recomputed=recomputed,
        prediction=row[scored.prediction],
        features=features,
        reasons=reasons_of(row) if FEATURES in row else [],
        label=row[scored.label],
    )


def _outcome(
    lake: _Lake, outcomes: Outcomes | None, time: Moment, predictions: Sequence[TracedPrediction]
) -> int | None:
    """The latest outcome, the one that predictions are labelled with."""
    if outcomes is None:
        return next((one.label for one in predictions), None)
    found = lake.scan(outcomes.table.name, outcomes.entity, pl.col(outcomes.time) == time)
    known = None if found is None else latest(found, outcomes).collect()
    return None if known is None or known.is_empty() else int(known[outcomes.label].item())
