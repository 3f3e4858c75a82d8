"""The settings of the monitoring service."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from lakehouse.settings.section import Section


class MonitoringSettings(Section):
    """The monitoring service.

    With `period` None each model chooses its own chunks. `alert_urls` are Apprise addresses. In
    `retrain_command`, `{python}` stands for this Python and `{model}` for the model's name; a model
    other than the first is only retrained by a command that names it. A finding that persists
    triggers another training after `retrain_hours`.
    """

    host: str = "127.0.0.1"
    port: int = Field(5001, ge=1, le=65535)
    interval_seconds: float = Field(60, gt=0)
    output_dir: str = "output"
    period: str | None = Field(None, pattern=r"^(D|W|\d+|\d*H|\d+min)$")
    min_chunk_rows: int = Field(200, ge=1)
    min_roc_auc: float = Field(0.6, ge=0, le=1)
    settle_minutes: float = Field(10, ge=0)
    kept_runs: int = Field(10_000, ge=1)
    webhook_url: SecretStr | None = None
    smtp_url: SecretStr | None = None
    alert_to: str | None = None
    alert_urls: tuple[SecretStr, ...] = ()
    quiet_minutes: int = Field(60, ge=0)
    retrain_on: tuple[Literal["data_drift", "model_drift", "model_degradation"], ...] = ()
    retrain_command: tuple[str, ...] = ("{python}", "-m", "cdrlake.cli", "train")
    retrain_hours: float = Field(24, gt=0)
