"""An installation with made-up predictions of any size: what monitoring's cost is measured on.

Two thirds of the features have heavy tails, one third are counts; the score follows three of them.
"""

from __future__ import annotations

from monitoring import memory  # noqa: F401  # isort: skip

import json
import logging
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import polars as pl
from deltalake import write_deltalake

from bench.measure import seconds
from bench.usage import Sampler, own_peak_mib
from lakehouse.children import die_with_parent
from lakehouse.clock import SystemClock
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
from lakehouse.settings import ROOT
from monitoring.monitor import FOLDER, Monitor, Request
from monitoring.output.folder import OutputFolder
from monitoring.records import Records
from monitoring.service import Service
from monitoring.site import sites

FEATURES = tuple(f"feature_{number:02d}" for number in range(30))
COUNTS_EVERY = 3
REFERENCE_DAYS = 14
REFERENCE_FROM = date(2026, 3, 2)
ANALYSIS_FROM = REFERENCE_FROM + timedelta(days=REFERENCE_DAYS)
THRESHOLD = 0.25
COSTS = Costs(100.0, 10.0)
AT = datetime(2026, 6, 1, tzinfo=UTC)


def scored(first: date, days: int, per_day: int) -> pl.DataFrame:
    """Labelled rows of `days` days, in order of date and user."""
    return pl.concat(_day(first + timedelta(days=number), per_day) for number in range(days))


def _day(day: date, rows: int) -> pl.DataFrame:
    rng = np.random.default_rng(day.toordinal())
    values = [
        rng.poisson(5, rows).astype(np.float64)
        if number % COUNTS_EVERY == 0
        else rng.lognormal(3, 1, rows)
        for number in range(len(FEATURES))
    ]
    effort = 0.3 * values[0] - 0.02 * values[1] - 0.01 * values[2]
    score = 1 / (1 + np.exp(2.5 - effort))
    return pl.DataFrame(dict(zip(FEATURES, values, strict=True))).with_columns(
        User=pl.format("999{}", pl.int_range(rows).cast(pl.String).str.zfill(8)),
        Date=pl.lit(day),
        label=pl.Series(rng.random(rows) < score).cast(pl.Int32),
        prediction=pl.Series(score >= THRESHOLD).cast(pl.Int32),
        probability_1=pl.Series(score),
    )


@dataclass(frozen=True)
class Champion:
    """A registry that holds one version, whose reference lies in a file."""

    reference: Path

    def champion(self) -> ModelVersion:
        """The version."""
        return ModelVersion(
            number=1, run_id="bench", created_at=AT, manifest_sha256="0" * 64,
            score_from=ANALYSIS_FROM, metric="roc_auc", figure="", promoted_at=AT,
            approved_by=None, verdicts=(), alias="champion",
        )  # fmt: skip

    def versions(self) -> list[ModelVersion]:
        """The champion alone."""
        return [self.champion()]

    def load(self, _: ModelVersion) -> Bundle:
        """As much of a bundle as monitoring reads."""
        manifest = SimpleNamespace(
            features=FEATURES, costs=COSTS, threshold=THRESHOLD, score_from=ANALYSIS_FROM,
            figures=SimpleNamespace(importance=dict.fromkeys(FEATURES, 1 / len(FEATURES))),
        )  # fmt: skip
        kept = SimpleNamespace(manifest=manifest, reference=lambda: pl.read_parquet(self.reference))
        return cast(Bundle, kept)


@dataclass(frozen=True)
class Installation:
    """A lake with predictions, a champion and the service that looks at them, below `folder`."""

    folder: Path

    @property
    def settings(self) -> Settings:
        """Settings that reach neither a broker nor a database."""
        values = {
            "state_dir": str(self.folder / "state"), "lake": {"uri": str(self.folder / "lake")},
            "mysql": {"port": 1}, "kafka": {"port": 2},
            "monitoring": {"output_dir": str(self.folder / "output")},
        }  # fmt: skip
        return Settings.model_validate(values)

    @property
    def reference(self) -> Path:
        """The champion's test window."""
        return self.folder / "reference.parquet"

    def make(self, per_day: int) -> None:
        """Write the reference."""
        scored(REFERENCE_FROM, REFERENCE_DAYS, per_day).write_parquet(self.reference)

    def append(self, first: date, days: int, per_day: int) -> None:
        """Write predictions of `days` days as one new version of the table."""
        rows = scored(first, days, per_day).with_columns(
            probability_0=1 - pl.col("probability_1"),
            rawPrediction_0=1 - pl.col("probability_1"),
            rawPrediction_1=pl.col("probability_1"),
            feature_names=pl.lit(",".join(FEATURES)),
            features=pl.concat_list(FEATURES),
            **{name: pl.lit(None) for pair in reason_names() for name in pair},
            bucket=pl.lit(0),
            model_version=pl.lit(1),
            run_id=pl.lit("bench"),
            scored_at=pl.lit(AT),
            last_emitted_at=pl.lit(AT),
        )
        columns = [pl.col(name).cast(kind) for name, kind in polars_schema(PREDICTIONS).items()]
        write_deltalake(
            table_uri(self.settings.lake_uri, names.PREDICTIONS),
            rows.select(columns).to_arrow(),
            mode="append",
            configuration={"delta.enableChangeDataFeed": "true"},
        )

    def service(self) -> Service:
        """The service's runs: report, plots, tables and records included."""
        # There is no database here, which every run would say.
        logging.getLogger("monitoring.records").setLevel(logging.ERROR)
        settings, clock = self.settings, SystemClock()
        (site,) = sites(settings, [CHURN])
        monitor = Monitor(settings, site, Champion(self.reference), clock, lambda rows: rows)
        records = Records(settings, CHURN.model)
        return Service(monitor, OutputFolder(site.output), records, clock)


def look(made: Installation) -> dict[str, float]:
    """Learn the reference with one small day, then look at all that is new.

    What both took in seconds, the peak memory of the process, and what the second one used.
    """
    shutil.rmtree(made.settings.state / FOLDER, ignore_errors=True)
    service, first = made.service(), Request(end=ANALYSIS_FROM)
    learning = seconds(lambda: service.run(first))
    with Sampler() as sampler:
        looking = seconds(lambda: service.run(Request(start=ANALYSIS_FROM + timedelta(days=1))))
    cpu, written = sampler.used
    peak = own_peak_mib()
    found = {"learning": learning, "looking": looking, "peak_mib": peak}
    return found | {"cpu_seconds": cpu, "written_mib": written}


def look_alone(made: Installation) -> dict[str, float]:
    """`look` in a fresh process."""
    command = [sys.executable, "-m", "bench.monitor_world", str(made.folder)]
    answer = subprocess.run(
        command,
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=die_with_parent(),
    )
    found: dict[str, float] = json.loads(answer.stdout.splitlines()[-1])
    return found


def main() -> None:
    """`look` in this fresh process at the installation in the folder that the argument names."""
    print(json.dumps(look(Installation(Path(sys.argv[1])))))


if __name__ == "__main__":
    main()
