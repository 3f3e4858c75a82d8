"""Where the files, routes and state of a monitored model are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lakehouse.domain import Scored
from lakehouse.errors import SettingsError
from lakehouse.settings import Settings

FOLDER, MODELS = "monitoring", "models"


@dataclass(frozen=True)
class Site:
    """The places of one model: folders for state and output, and the path before its routes."""

    scored: Scored
    state: Path
    output: Path
    path: str = ""


def sites(settings: Settings, watched: Sequence[Scored]) -> list[Site]:
    """The places of all models that are watched.

    The first has the plain names that a single model has, the others `models/<name>` below them.
    Raises `SettingsError` where two have the same name or there is none.
    """
    names = [scored.model for scored in watched]
    if not names or len(set(names)) < len(names):
        raise SettingsError(
            "monitoring", "models with names of their own", ", ".join(names) or "none",
            "correct the declared domains",
        )  # fmt: skip
    state, output = settings.state / FOLDER, settings.output
    first, *others = watched
    return [
        Site(first, state, output),
        *(
            Site(one, state / MODELS / one.model, output / MODELS / one.model,
                 f"/{MODELS}/{one.model}")
            for one in others
        ),
    ]  # fmt: skip
