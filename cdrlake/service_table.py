"""Every process of an installation, as a table: what all domains share, and what each adds."""

from __future__ import annotations

from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter

from lakehouse.domain import Domain
from lakehouse.errors import ServiceError
from lakehouse.services import Service
from lakehouse.settings import Settings

SIMULATOR = Service("simulator", "flaskapp", port="simulator.port")
MIRROR = Service("mirror", "mirror")
MONITORING = Service("monitoring", "monitoring", port="monitoring.port")
SERVING = Service("serving", "serving", port="serving.port")
_SHARED = (SIMULATOR, MIRROR, MONITORING, SERVING)

LOOPBACK = "127.0.0.1"
# Host, port, and the key of the settings that says so.
Port = tuple[str, int, str]


def services(domains: Iterable[Domain]) -> tuple[Service, ...]:
    """All services in the order in which they start: the source first, then who reads it.

    Raises `ServiceError` for two services of one name and for one that waits for itself.
    """
    own = tuple(service for domain in domains for service in domain.services)
    return (SIMULATOR, *_in_order(own), MIRROR, MONITORING, SERVING)


def port(settings: Settings, service: Service) -> Port | None:
    """Where a service listens, on this machine alone unless its section has a host; None if not."""
    if service.port is None:
        return None
    section = getattr(settings, service.port.partition(".")[0])
    return getattr(section, "host", LOOPBACK), settings.value(service.port), service.port


def address(settings: Settings, service: Service) -> str | None:
    """The address of a service's pages; None for one that has none.

    >>> address(Settings(), MONITORING)
    'http://127.0.0.1:5001'
    """
    listens = port(settings, service)
    return None if listens is None else f"http://{listens[0]}:{listens[1]}"


def _in_order(own: tuple[Service, ...]) -> list[Service]:
    by_name = {service.name: service for service in own}
    taken = [one.name for one in _SHARED] + list(by_name)
    if len(set(taken)) < len(own) + len(_SHARED):
        raise ServiceError.sentence(f"Two services have one name: {', '.join(sorted(taken))}.")
    # Services that are shared start where the table says, whoever waits for them.
    waits = {one.name: [name for name in one.after if name in by_name] for one in own}
    try:
        return [by_name[name] for name in TopologicalSorter(waits).static_order()]
    except CycleError as error:
        circle = " after ".join(error.args[1])
        raise ServiceError.sentence(f"Services wait for each other: {circle}.") from None
