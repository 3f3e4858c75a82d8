"""The domain's settings: source, delays of the truth, learner, training sets."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from pydantic import Field

from lakehouse.errors import SettingsError
from lakehouse.settings.model import DomainSettings
from lakehouse.settings.root import from_root
from lakehouse.settings.section import Section


class TruthSettings(Section):
    """How long after an event its truth is sent, and how much of it never comes or is corrected.

    The delay is drawn evenly on a logarithmic scale between the two bounds, in minutes.
    """

    least_minutes: float = Field(5.0, ge=0)
    most_minutes: float = Field(3 * 1440.0, ge=0)
    never: float = Field(0.02, ge=0, le=1)
    corrected: float = Field(0.01, ge=0, le=1)


class LearnerSettings(Section):
    """The online learner, Half-Space Trees; `alert_rate` is the share of events it may report."""

    trees: int = Field(10, ge=1, le=1_000)
    height: int = Field(8, ge=1, le=12)
    window: int = Field(250, ge=1)
    seed: int = 42
    alert_rate: float = Field(0.005, gt=0, lt=1)
    kept_states: int = Field(20, ge=2)


class FraudSettings(DomainSettings):
    """Where events come from, when truth comes, and how models are made of both.

    `source` is a `creditcard.csv` (a path, `gs://` or `s3://`); without one, a simulated world
    sends. Truth that waits for its prediction for more than `truth_days` goes to quarantine.
    `project_dir` is the folder of `model_metadata.json`, `models` and `training_datasets`.
    `base_rate` is the true share of frauds, if rows of the source over-represent them.
    With `retrain_hours` the pipeline trains so often; otherwise only when it is asked to.
    """

    allowed_lateness_days: int = Field(60, ge=0)
    source: str | None = None
    source_options: dict[str, str] = {}
    accounts: int = Field(2_000, ge=1)
    world_seed: int = 42
    world_rate: float = Field(0.005, gt=0, lt=0.5)
    events_per_second: float = Field(1_000.0, gt=0)
    truth_days: int = Field(45, ge=1)
    join_seconds: float = Field(2.0, ge=0)
    base_rate: float | None = Field(None, gt=0, lt=1)
    retrain_hours: float | None = Field(None, gt=0)
    project_dir: str = "output/fraud"
    truth: TruthSettings = TruthSettings()
    learner: LearnerSettings = LearnerSettings()

    @property
    def label_delay(self) -> timedelta:
        """How long after an event its truth is known at the earliest."""
        return timedelta(minutes=self.truth.least_minutes)

    @property
    def project(self) -> Path:
        """The folder that the files for other tools are written to."""
        return from_root(self.project_dir)

    def check(self) -> None:
        """Raise `SettingsError` for bounds of the delay that contradict each other."""
        if self.truth.least_minutes > self.truth.most_minutes:
            raise SettingsError(
                "settings fraud.truth.least_minutes and most_minutes",
                "the least delay not above the greatest",
                f"{self.truth.least_minutes:g} and {self.truth.most_minutes:g} minutes",
                "make the first smaller or the second larger",
            )
