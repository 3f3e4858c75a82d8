"""The parts of the service, handed to everything that serves requests."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from flaskapp.relay import Relay
from flaskapp.runner import Runner
from flaskapp.stream_source import StreamSource
from lakehouse.clock import Clock
from lakehouse.settings import Settings


@dataclass(frozen=True)
class Parts:
    """The parts of a service; `sources` are those of the domains, the usual one first."""

    settings: Settings
    clock: Clock
    sources: tuple[StreamSource, ...]
    runner: Runner
    relay: Relay


def assemble(
    settings: Settings, clock: Clock, sources: tuple[StreamSource, ...], stop: threading.Event
) -> Parts:
    """A runner and a relay for these sources; the relay ends at `stop`."""
    kinds = {name: kind for source in sources for name, kind in source.messages.items()}
    runner, relay = Runner(settings, clock, sources), Relay(settings, clock, stop, kinds)
    return Parts(settings, clock, sources, runner, relay)
