"""Predictions and a registry, made up: small, seeded, and with drift where a test wants it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import polars as pl
from deltalake import write_deltalake

from lakehouse.clock import FixedClock
from lakehouse.domains.cdr import names
from lakehouse.domains.cdr.contracts import PREDICTIONS
from lakehouse.domains.cdr.domain import CHURN
from lakehouse.domains.settings import Settings
from lakehouse.kinds import polars_schema
from lakehouse.models.bundle import Bundle
from lakehouse.models.manifest import Costs
from lakehouse.models.scoring import reason_names
from lakehouse.names import table_uri
from lakehouse.registry import ModelVersion
from monitoring.analysis import findings, fitted, limits, verdicts
from monitoring.analysis.findings import Finding
from monitoring.analysis.fitted import Fitted
from monitoring.analysis.model import Model
from monitoring.analysis.values import ENTITY, TIME
from monitoring.analysis.verdicts import ReferenceBaseline
from monitoring.buckets import Buckets
from monitoring.chunks import Bucket, Period, plan
from monitoring.scored_rows import canonical
from monitoring.wiring import Parts, wire

FEATURES = ("calls", "seconds", "volume", "active_share", "silent_days", "trend")
REFERENCE_START = date(2026, 5, 4)
REFERENCE_DAYS = 14
ANALYSIS_START = REFERENCE_START + timedelta(days=REFERENCE_DAYS)
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
THRESHOLD = 0.25
LITTLE = -0.0003  # an importance that three places would show as -0.000

Change = Callable[[dict[str, np.ndarray[Any, Any]]], None]


def rows(
    first: date,
    days: int,
    per_day: int = 600,
    seed: int = 1,
    change: Change | None = None,
    flip: bool = False,
) -> pl.DataFrame:
    """Scored rows with labels. `change` edits the features, `flip` turns their meaning round."""
    made = []
    for number in range(days):
        rng = np.random.default_rng([seed, first.toordinal() + number])
        x = {
            "calls": rng.poisson(5, per_day).astype(float),
            "seconds": rng.lognormal(5, 1, per_day),
            "volume": rng.lognormal(3, 1.2, per_day),
            "active_share": rng.beta(4, 2, per_day),
            "silent_days": rng.geometric(0.35, per_day) - 1.0,
            "trend": rng.normal(0, 0.3, per_day),
        }
        if change is not None:
            change(x)
        silence, trend = 0.7 * x["silent_days"] - 3 * x["active_share"], 1.6 * x["trend"]
        score = _sigmoid(-1.1 + silence + trend)
        truth = _sigmoid(-1.1 + silence - trend) if flip else score
        made.append(
            pl.DataFrame(
                {
                    "User": [f"999{seed:03d}{user:06d}" for user in range(per_day)],
                    "Date": [first + timedelta(days=number)] * per_day,
                    **x,
                    "label": (rng.random(per_day) < truth).astype(np.int32),
                    "prediction": (score >= THRESHOLD).astype(np.int32),
                    "probability_1": score,
                }
            )
        )
    return pl.concat(made)


def reference(per_day: int = 600) -> pl.DataFrame:
    """The champion's test window."""
    return rows(REFERENCE_START, REFERENCE_DAYS, per_day)


def model(run_id: str = "run1") -> Model:
    """The version that scored the rows."""
    importance = dict.fromkeys(FEATURES, 1 / len(FEATURES)) | {"trend": LITTLE}
    return Model(1, run_id, FEATURES, Costs(100.0, 10.0), THRESHOLD, ANALYSIS_START, importance)


def predictions(scored: pl.DataFrame, version: int = 1, at: datetime = NOW) -> pl.DataFrame:
    """Rows as the predictions table holds them."""
    filled = scored.with_columns(
        probability_0=1 - pl.col("probability_1"),
        rawPrediction_0=1 - pl.col("probability_1"),
        rawPrediction_1=pl.col("probability_1"),
        feature_names=pl.lit(",".join(FEATURES)),
        features=pl.concat_list(FEATURES),
        **{name: pl.lit(None) for pair in reason_names() for name in pair},
        bucket=pl.lit(0),
        model_version=pl.lit(version),
        run_id=pl.lit("run1"),
        scored_at=pl.lit(at),
        last_emitted_at=pl.lit(at),
    )
    columns = [pl.col(name).cast(kind) for name, kind in polars_schema(PREDICTIONS).items()]
    return filled.select(columns)


def append(settings: Settings, scored: pl.DataFrame, **options: Any) -> None:
    """Write rows to the predictions table of the installation."""
    write_deltalake(
        table_uri(settings.lake_uri, names.PREDICTIONS),
        predictions(scored, **options).to_arrow(),
        mode="append",
        configuration={"delta.enableChangeDataFeed": "true"},
    )


@dataclass
class FakeRegistry:
    """One champion whose reference is given; it passes for the real registry's reading side."""

    rows: pl.DataFrame = field(default_factory=reference)
    number: int | None = 1

    def champion(self) -> ModelVersion | None:
        """The version, unless it was taken away."""
        return self._version() if self.number else None

    def versions(self) -> list[ModelVersion]:
        """The champion alone."""
        return [self._version()] if self.number else []

    def load(self, version: ModelVersion) -> Bundle:
        """As much of a bundle as monitoring reads."""
        known = model(version.run_id)
        manifest = SimpleNamespace(
            features=known.features,
            costs=known.costs,
            threshold=known.threshold,
            score_from=known.score_from,
            figures=SimpleNamespace(importance=known.importance),
        )
        return cast(Bundle, SimpleNamespace(manifest=manifest, reference=lambda: self.rows))

    def _version(self) -> ModelVersion:
        number = self.number or 1
        return ModelVersion(
            number=number,
            run_id=f"run{number}",
            created_at=NOW,
            manifest_sha256="0" * 64,
            score_from=ANALYSIS_START,
            metric="roc_auc",
            figure="0.80 [0.75, 0.85]",
            promoted_at=NOW,
            approved_by=None,
            verdicts=(),
            alias="champion",
        )


def settings_in(folder: Path, **monitoring: Any) -> Settings:
    """Settings of an installation in `folder`, whose database nobody has started."""
    limits = {"output_dir": str(folder / "output"), "min_chunk_rows": 100, "settle_minutes": 0}
    return Settings.model_validate(
        {
            "state_dir": str(folder / "state"),
            "lake": {"uri": str(folder / "lake")},
            "mysql": {"port": 1},
            "kafka": {"port": 2},
            "monitoring": limits | monitoring,
        }
    )


def seen(scored: pl.DataFrame) -> pl.DataFrame:
    """Rows with the names that monitoring gives their columns."""
    return canonical(CHURN, scored)


def parts(settings: Settings, registry: FakeRegistry | None = None) -> Parts:
    """A service that watches the one model, at `NOW`."""
    known = registry or FakeRegistry()
    return wire(settings, clock(), [CHURN], lambda _: known)


def clock() -> FixedClock:
    """A clock that stands at `NOW`."""
    return FixedClock(NOW)


def found(
    known: Fitted, scored: pl.DataFrame, min_rows: int = 100, min_roc_auc: float = 0.5
) -> dict[str, Finding]:
    """The three findings on scored rows, by name."""
    ordered = seen(scored).sort(TIME, ENTITY)
    counts = ordered.group_by(TIME).len().sort(TIME).rows()
    days = [Bucket(day, count, "") for day, count in counts]
    values = known.evaluate(ordered, plan(days, known.period))
    learnt = limits.learn(known.chunks, min_roc_auc)
    judged = verdicts.judge(
        values, ReferenceBaseline(known.chunks, learnt, known.effects, min_rows)
    )
    return {finding.name: finding for finding in findings.find(judged)}


_FIT = fitted.fit
_fits: dict[tuple[str, str, int], Fitted] = {}


def fit_once(
    known: Model, rows: pl.DataFrame, period: Period, buckets: Buckets = fitted.DATES
) -> Fitted:
    """`fit`, which takes a second, once for each reference that tests use."""
    key = (known.run_id, period.text, int(rows.hash_rows().sum()))
    if key not in _fits:
        _fits[key] = _FIT(known, rows, period, buckets)
    return _fits[key]


def _sigmoid(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.asarray(1 / (1 + np.exp(-x)))
