"""The domain's settings: what churn means, and where history comes from."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

from pydantic import Field, SecretStr

from lakehouse.domains.cdr.features import lookback_days
from lakehouse.errors import SettingsError
from lakehouse.settings.model import DomainSettings
from lakehouse.settings.section import Section


class WorldSettings(Section):
    """The simulated population. With an empty `start_date`, history and replay end yesterday."""

    seed: int = 42
    subscribers: int = Field(2_000, ge=1)
    history_days: int = Field(180, ge=1)
    replay_days: int = Field(10, ge=0)
    churn_rate: float = Field(0.05, gt=0, lt=0.5)
    start_date: date | None = None


class SourceSettings(Section):
    """Where history comes from: the world generator, or files with a mapping.

    `pseudonym_key` is the secret key with which a mapping turns ids into stable numbers.
    """

    files: tuple[Path, ...] = ()
    mapping: str = "rawdata"
    replay_days: int = Field(0, ge=0)
    pseudonym_key: SecretStr | None = Field(None, min_length=16)


class CdrSettings(DomainSettings):
    """What churn means, and how far back features look (in days)."""

    label_horizon_days: int = Field(30, ge=1)
    active_window_days: int = Field(7, ge=1)
    feature_windows: tuple[int, int, int] = (7, 14, 30)
    known_subscribers_only: bool = False

    @property
    def label_delay(self) -> timedelta:
        """How long after a date its outcome is known at the earliest."""
        return timedelta(days=self.label_horizon_days)

    @property
    def lookback(self) -> timedelta:
        """How far back from a date its features look, that date included."""
        return timedelta(days=lookback_days(self.feature_windows))

    def check(self) -> None:
        """Raise `SettingsError` if the active window is longer than the features' lookback."""
        days = lookback_days(self.feature_windows)
        if self.active_window_days > days:
            raise SettingsError(
                "settings cdr.active_window_days and cdr.feature_windows",
                "an active window within the days that features look back on",
                f"{self.active_window_days} days and {days}",
                "make the first smaller or the last window longer",
            )
