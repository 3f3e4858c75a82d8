"""Commands specific to a single domain, found by the domain's name.

A domain that needs none has no extension. One that does keeps it as `EXTENSION` in
`cdrlake/<domain>/extension.py`, where nothing heavy is imported before it is used.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cdrlake.main_job import Cost, Outcome
    from cdrlake.stack import Stack
    from lakehouse.clock import Clock
    from lakehouse.domain import Domain, Scored
    from lakehouse.domains.settings import Settings
    from lakehouse.registry import Registry
    from lakehouse.registry.gates import Gate

Move = Callable[[float, float], None]
Note = Callable[[str], None]


@dataclass(frozen=True)
class Group:
    """Commands that are imported when one of them is called: `cdrlake <name> ...`."""

    name: str
    module: str
    help: str


@dataclass(frozen=True)
class Extension:
    """What a domain adds to the shared commands; each part may be missing.

    `load_history` fills the source before the queries start and says what it did, `act` is the main
    job of `demo`, `show` prints what it came to. `stream` decides the domain's events until it is
    stopped. `gate` judges versions of a model whose gates are not those of a classifier, as its
    training does. `csv_variable` is the environment variable that names the domain's own file,
    given with `--csv`, to every process. Its `demo` fails above `memory_gib`.
    """

    groups: tuple[Group, ...] = ()
    load_history: Callable[[Settings, Move], str | None] | None = None
    act: Callable[[Stack, Clock], Outcome] | None = None
    show: Callable[[Settings, Outcome, Cost], None] | None = None
    stream: Callable[[], int] | None = None
    gate: Callable[[Registry, Scored, Settings], Gate] | None = None
    csv_variable: str | None = None
    memory_gib: int = 6


def of(domain: Domain) -> Extension:
    """The extension of a domain; an empty one if it has none."""
    return named(domain.name)


def named(domain: str) -> Extension:
    """The extension of the domain with that name."""
    package = f"cdrlake.{domain}"
    # Python takes a folder that a checkout left behind for a package, too, but it has no module.
    if not all(map(importlib.util.find_spec, (package, f"{package}.extension"))):
        return Extension()
    found: Extension = importlib.import_module(f"{package}.extension").EXTENSION
    return found
