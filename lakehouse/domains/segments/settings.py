"""The domain's settings: the secret behind the keys of cards, days that matter, and a world."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal

from pydantic import Field, SecretStr, field_validator

from lakehouse.errors import SettingsError
from lakehouse.settings.model import DomainSettings


class SegmentsSettings(DomainSettings):
    """`card_key` is the secret with which a card number becomes the key of a card.

    With another secret the same card is another key, so it must not change. Features are made as of
    every Monday, or of every day (`step_days`), once `warm_up_days` have been recorded. `holes` are
    pairs of first and last day without records: what they hide is unknown. A first model needs
    `train_weeks` and `test_weeks` of closed windows. `cost_missed` and `cost_needless` are what it
    costs to expect no purchase where there is one, and the other way round. `world_cards`,
    `world_days` and `world_seed` make the world that the simulator streams.
    """

    card_key: SecretStr | None = Field(None, min_length=16)
    step_days: Literal[1, 7] = 7
    warm_up_days: int = Field(180, ge=1)
    holes: tuple[tuple[date, date], ...] = ()
    train_weeks: int = Field(10, ge=2)
    test_weeks: int = Field(6, ge=2)
    cost_missed: float = Field(1.0, gt=0)
    cost_needless: float = Field(1.0, gt=0)
    world_cards: int = Field(600, ge=10, le=100_000)
    world_days: int = Field(480, ge=200, le=4_000)
    world_seed: int = Field(7, ge=0)

    @field_validator("holes")
    @classmethod
    def _are_spans(cls, holes: tuple[tuple[date, date], ...]) -> tuple[tuple[date, date], ...]:
        if any(first > last for first, last in holes):
            raise ValueError("a hole is a pair of its first and its last day, in this order")
        return holes

    @property
    def label_delay(self) -> timedelta:
        """A window of 7 days is closed a week after its first day."""
        return timedelta(days=7)

    @property
    def lookback(self) -> timedelta:
        """Features look at half a year."""
        return timedelta(days=180)

    @property
    def threshold(self) -> float:
        """The probability from which on it is cheaper to expect a purchase."""
        return self.cost_needless / (self.cost_missed + self.cost_needless)

    def secret(self) -> str:
        """The secret. Raises `SettingsError` when there is none."""
        if self.card_key is None:
            raise SettingsError(
                "setting segments.card_key",
                "a secret of 16 characters or more",
                "none",
                "set CDRLAKE_SEGMENTS__CARD_KEY, and keep it",
            )
        return self.card_key.get_secret_value()
