"""What is done every so often: validated.csv once a day, a drift report every four hours."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from lakehouse import mysql
from lakehouse.clock import Clock
from lakehouse.domains.settings import Settings
from lakehouse.errors import CdrlakeError

LOG = logging.getLogger(__name__)
LOOK_S, HOUR_S = 30.0, 3_600.0
Chore = Callable[[], str]


def run(settings: Settings, clock: Clock, stop: threading.Event) -> None:
    """Do the chores of this installation in turn, until `stop`."""
    chosen = settings.cards
    every = {"validated": chosen.validated_hours, "drift": chosen.drift_hours}
    chores: dict[str, Chore] = {
        "validated": lambda: _validated(settings),
        "drift": lambda: _drift(settings, clock),
    }
    repeat({name: (every[name] * HOUR_S, chores[name]) for name in chores}, clock, stop)


def repeat(chores: dict[str, tuple[float, Chore]], clock: Clock, stop: threading.Event) -> None:
    """Do each chore once in so many seconds until `stop`; one that fails is tried at its next turn.

    The first turn comes after the first interval.
    """
    due = {name: clock.monotonic() + every for name, (every, _) in chores.items()}
    while not stop.is_set():
        for name, (every, chore) in chores.items():
            if clock.monotonic() < due[name]:
                continue
            due[name] = clock.monotonic() + every
            try:
                LOG.info("%s: %s", name, chore())
            except Exception as error:  # whatever it is, chores that end would be worse
                known = isinstance(error, CdrlakeError | mysql.Error | OSError)
                LOG.warning("%s: %s", name, error, exc_info=None if known else error)
        clock.wait(stop, min([LOOK_S, *(every for every, _ in chores.values())]))


def _validated(settings: Settings) -> str:
    from cdrlake.cards import validated

    rows, place = validated.save(settings)
    return f"{rows:,} rows in {place}"


def _drift(settings: Settings, clock: Clock) -> str:
    from cdrlake.cards import drift

    found, path = drift.report(settings, clock.now())
    return f"{found.sentence} {path}" if found.sentence else "none"
