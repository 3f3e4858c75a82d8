"""A domain as small as monitoring allows: sensors that overheat, scored hour by hour."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import cast

import numpy as np
import polars as pl
from deltalake import write_deltalake

from lakehouse.contracts import Contract, Field
from lakehouse.domain import Scored, Words
from lakehouse.models.bundle import Bundle
from lakehouse.models.manifest import Costs
from lakehouse.names import table_uri
from lakehouse.registry import ModelVersion
from lakehouse.settings import Settings

START = datetime(2026, 6, 1, tzinfo=UTC)
REFERENCE_HOURS = 24
ANALYSIS = START + timedelta(hours=REFERENCE_HOURS)
FEATURES = ("heat", "load")
TABLE = Contract(
    "gold.toy_predictions",
    (
        Field("sensor", "string", "the sensor"),
        Field("at", "timestamp", "moment of the measurement"),
        Field("failed", "boolean", "whether it overheated within the hour", nullable=True),
        Field("alarm", "boolean", "the decision"),
        Field("risk", "double", "probability"),
        Field("feature_names", "string", "names of the features"),
        Field("features", "doubles", "their values"),
        Field("model_version", "int", "version in the registry"),
        Field("scored_at", "timestamp", "moment of scoring"),
    ),
    key=("sensor", "at"),
)
OVERHEATING = Scored(
    model="toy_overheating",
    experiment="toy",
    features="gold.toy_features",
    table=TABLE,
    entity="sensor",
    time="at",
    score="risk",
    prediction="alarm",
    label="failed",
    outcomes=None,
    words=Words("Overheating", "sensor", "overheating sensors", "overheated"),
    chunk="1H",
)


def rows(first: datetime, hours: int, per_hour: int = 400, more_heat: float = 0.0) -> pl.DataFrame:
    """Measurements with their scores and labels, spread over each hour."""
    rng = np.random.default_rng(int(first.timestamp()))
    count = hours * per_hour
    heat, load = rng.normal(more_heat, 1, count), rng.gamma(2, 1, count)
    risk = 1 / (1 + np.exp(1.5 - 1.2 * heat - 0.3 * load))
    seconds = np.sort(rng.uniform(0, 3600 * hours, count)).astype(int)
    return pl.DataFrame(
        {
            "sensor": [f"s{number % per_hour:04d}" for number in range(count)],
            "at": [first + timedelta(seconds=int(second)) for second in seconds],
            "failed": rng.random(count) < risk,
            "alarm": risk > 0.5,
            "risk": risk,
            "heat": heat,
            "load": load,
        }
    )


def append(settings: Settings, scored: pl.DataFrame, at: datetime) -> None:
    """Write rows to the predictions table of the installation."""
    stored = scored.with_columns(
        feature_names=pl.lit(",".join(FEATURES)),
        features=pl.concat_list(FEATURES),
        model_version=pl.lit(1, pl.Int32),
        scored_at=pl.lit(at),
    )
    write_deltalake(
        table_uri(settings.lake_uri, TABLE.name),
        stored.select(TABLE.names).to_arrow(),
        mode="append",
        configuration={"delta.enableChangeDataFeed": "true"},
    )


@dataclass
class ToyRegistry:
    """One champion; it passes for the real registry's reading side."""

    reference: pl.DataFrame = field(default_factory=lambda: rows(START, REFERENCE_HOURS))

    def champion(self) -> ModelVersion:
        """The version."""
        return ModelVersion(
            number=1, run_id="toy", created_at=START, manifest_sha256="0" * 64,
            score_from=date(2026, 6, 2), metric="roc_auc", figure="", promoted_at=START,
            approved_by=None, verdicts=(), alias="champion",
        )  # fmt: skip

    def versions(self) -> list[ModelVersion]:
        """The champion alone."""
        return [self.champion()]

    def load(self, _: ModelVersion) -> Bundle:
        """As much of a bundle as monitoring reads."""
        manifest = SimpleNamespace(
            features=FEATURES, costs=Costs(5.0, 1.0), threshold=0.5, score_from=date(2026, 6, 2),
            figures=SimpleNamespace(importance={"heat": 0.8, "load": -0.0001}),
        )  # fmt: skip
        kept = SimpleNamespace(manifest=manifest, reference=lambda: self.reference)
        return cast(Bundle, kept)
