"""The settings of an installation, including the sections of its domains, read at the edge."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lakehouse.domains.cards.settings import CardsSettings
from lakehouse.domains.cdr.settings import (
    CdrSettings,
    SourceSettings,
    WorldSettings,
)
from lakehouse.domains.fraud.settings import FraudSettings
from lakehouse.domains.segments.settings import SegmentsSettings
from lakehouse.settings import ROOT, model
from lakehouse.settings import load as read


class Settings(model.Settings):
    """All settings of one installation."""

    world: WorldSettings = WorldSettings()
    source: SourceSettings = SourceSettings()
    cdr: CdrSettings = CdrSettings()
    cards: CardsSettings = CardsSettings()
    fraud: FraudSettings = FraudSettings()
    segments: SegmentsSettings = SegmentsSettings()


def load(
    environ: Mapping[str, str] | None = None, root: Path = ROOT, profile: str | None = None
) -> Settings:
    """Read the settings of this installation, as `lakehouse.settings.load` does."""
    return read(Settings, environ, root, profile)
