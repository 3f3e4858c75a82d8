"""The domain's settings: the source, its speed, the world, costs, and verification."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from pydantic import Field

from lakehouse.settings.model import DomainSettings


class CardsSettings(DomainSettings):
    """Card transactions: where they come from, what decisions cost, and who verifies them.

    The source and the investigators' page listen on `host`. `source_url` is polled every
    `poll_seconds`; empty, the producer asks the simulator of this installation, at `host` and with
    its token, for `source_rows` transactions at a time. The simulator answers
    `source_calls_per_minute` calls, 0 for any number. `producer_rate`, `door_rate` and
    `record_rate` are messages a second, 0 for no limit. The snapshots of the door are in
    `snapshot_dir`, below the state folder by default. `validated.csv` is written once in
    `validated_hours`, and drift looked for once in `drift_hours`. With `outage_buttons`, the
    investigators' page can stop parts of this installation.
    """

    host: str = "127.0.0.1"
    allowed_lateness_days: int = Field(4_000, ge=0)
    source_url: str | None = None
    poll_seconds: float = Field(1.0, gt=0)
    source_rows: int = Field(500, ge=1, le=10_000)
    source_port: int = Field(5020, ge=1, le=65535)
    source_calls_per_minute: int = Field(0, ge=0)
    page_port: int = Field(5021, ge=1, le=65535)
    producer_rate: float = Field(0, ge=0)
    door_rate: float = Field(0, ge=0)
    record_rate: float = Field(0, ge=0)
    snapshot_dir: str = ""
    snapshot_seconds: float = Field(120.0, gt=0)
    seed: int = 42
    cards: int = Field(500, ge=1)
    fraud_rate: float = Field(0.01, gt=0, lt=0.5)
    cost_false_block: float = Field(60.0, gt=0)
    cost_review: float = Field(8.0, gt=0)
    reviews_per_hour: float = Field(20.0, gt=0)
    verify_share: float = Field(0.01, gt=0, le=1)
    validated_dir: str = "output/cards"
    validated_hours: float = Field(24.0, gt=0)
    drift_hours: float = Field(4.0, gt=0)
    outage_buttons: bool = False
    files: tuple[Path, ...] = ()

    @property
    def lookback(self) -> timedelta:
        """How far back the windows of a card's features look."""
        return timedelta(days=7)
