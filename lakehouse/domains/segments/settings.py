"""The domain's settings: the secret behind the keys of cards."""

from __future__ import annotations

from pydantic import Field, SecretStr

from lakehouse.errors import SettingsError
from lakehouse.settings.model import DomainSettings


class SegmentsSettings(DomainSettings):
    """`card_key` is the secret with which a card number becomes the key of a card.

    With another secret the same card is another key, so it must not change.
    """

    card_key: SecretStr | None = Field(None, min_length=16)

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
