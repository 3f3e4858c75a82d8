"""The settings as the options of a command choose them, for this process and its children."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lakehouse.domain import Domain
    from lakehouse.domains.settings import Settings


def chosen_settings(
    csv: list[Path] | None = None,
    mapping: str | None = None,
    profile: str | None = None,
    domains: tuple[Domain, ...] = (),
) -> Settings:
    """Settings with the command's own choices, which child processes inherit by environment."""
    from cdrlake import extension, runs
    from lakehouse.domains.settings import load

    if mapping is not None:
        os.environ["CDRLAKE_SOURCE__MAPPING"] = mapping
        profile = profile or runs.profile_of_mapping(mapping)
    if csv:
        files = [str(runs.readable(path)) for path in csv]
        own = extension.of(domains[0]).csv_variable if len(domains) == 1 else None
        os.environ[own or "CDRLAKE_SOURCE__FILES"] = files[0] if own else json.dumps(files)
    if profile is not None:
        os.environ["CDRLAKE_PROFILE"] = profile
    return load()
