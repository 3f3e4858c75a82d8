"""The parts of the service, handed to everything that serves requests."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from flaskapp.relay import Relay
from flaskapp.runner import Runner
from flaskapp.stream_source import StreamSource
from lakehouse.clock import Clock
from lakehouse.domain import Domain
from lakehouse.settings import Settings


@dataclass(frozen=True)
class Parts:
    """The parts of a service; `sources` are those of the domains, the usual one first.

    `domains` are all that the home page tells of, with a source here or without.
    """

    settings: Settings
    clock: Clock
    sources: tuple[StreamSource, ...]
    runner: Runner
    relay: Relay
    domains: tuple[Domain, ...]


def assemble(
    settings: Settings,
    clock: Clock,
    sources: tuple[StreamSource, ...],
    stop: threading.Event,
    domains: tuple[Domain, ...] = (),
) -> Parts:
    """A runner and a relay for these sources; the relay ends at `stop`.

    Without `domains` the home page tells of those that have a source.
    """
    kinds = {name: kind for source in sources for name, kind in source.messages.items()}
    runner, relay = Runner(settings, clock, sources), Relay(settings, clock, stop, kinds)
    shown = domains or tuple(source.declared for source in sources)
    return Parts(settings, clock, sources, runner, relay, shown)
