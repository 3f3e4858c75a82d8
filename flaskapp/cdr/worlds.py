"""The world generator as a source, plus what must not change between starts of the service."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from flaskapp import state
from flaskapp.cdr.sources import SourceDay
from flaskapp.cdr.world import Drift, Horizon, World
from lakehouse.clock import Clock, today
from lakehouse.domains.settings import Settings

START_DATE, DRIFTS = "start_date", "drifts"


@dataclass(frozen=True)
class WorldSource:
    """The world generator as a source."""

    world: World
    name: str = "world"

    @property
    def first(self) -> date:
        """Day 0 of the world."""
        return self.world.start

    @property
    def history_end(self) -> date:
        """Day `history_days` - 1."""
        return self.world.date_of(self.world.settings.history_days - 1)

    @property
    def last(self) -> date:
        """The day that ends the replay."""
        return self.history_end + timedelta(days=self.world.settings.replay_days)

    def days(self, first: date, last: date) -> Iterator[SourceDay]:
        """Each day from `first` to `last`."""
        start = self.world.start
        for day in self.world.simulate((first - start).days, (last - start).days):
            yield SourceDay(day.date, day.events, day.activations)


def open_world(cursor: Any, settings: Settings, clock: Clock) -> WorldSource:
    """This installation's world: its first date is fixed once, and its drifts are remembered."""
    world = settings.world
    kept = state.recall(cursor, START_DATE)
    if kept is None:
        length = timedelta(days=world.history_days + world.replay_days)
        start = world.start_date or today(clock, settings.timezone) - length
        state.remember(cursor, START_DATE, start.isoformat())
    else:
        start = date.fromisoformat(kept)
    drifts = tuple(Drift(**entry) for entry in state.recall(cursor, DRIFTS) or [])
    horizon = Horizon(settings.cdr.label_horizon_days, settings.cdr.active_window_days)
    return WorldSource(World(world, start, horizon, settings.timezone, drifts))


def add_drift(cursor: Any, source: WorldSource, name: str, first: date) -> None:
    """Apply the drift plan `name` permanently from the date `first` on."""
    entry = {"name": name, "first_day": (first - source.first).days}
    state.remember(cursor, DRIFTS, [*(state.recall(cursor, DRIFTS) or []), entry])
