"""Pages of a single domain, found by the domain's name.

A domain that needs none has no module. One that does has `blueprint(settings, clock)` in
`monitoring/<domain>/routes.py`, whose routes are below `/<domain>`.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterable

from flask import Blueprint

from lakehouse.clock import Clock
from lakehouse.domain import Domain
from lakehouse.settings import Settings


def pages(domains: Iterable[Domain], settings: Settings, clock: Clock) -> tuple[Blueprint, ...]:
    """The pages of all domains that have some."""
    found = (named(domain.name, settings, clock) for domain in domains)
    return tuple(one for one in found if one is not None)


def named(domain: str, settings: Settings, clock: Clock) -> Blueprint | None:
    """The pages of the domain with that name; None if it has none."""
    package = f"monitoring.{domain}"
    # Python takes a folder that a checkout left behind for a package, too, but it has no module.
    if not all(map(importlib.util.find_spec, (package, f"{package}.routes"))):
        return None
    made: Blueprint = importlib.import_module(f"{package}.routes").blueprint(settings, clock)
    return made
