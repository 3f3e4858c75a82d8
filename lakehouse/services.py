"""What a domain runs beside the shared services, and its pages beside the shared ones."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Page:
    """A page beside the simulator's and the dashboards: `path` on what listens on `port`.

    `port` names the setting (section.key) of the port.
    """

    title: str
    port: str
    path: str = ""


@dataclass(frozen=True)
class Service:
    """A process of the domain: a Python module, or a Spark job with `job`.

    `port` names the setting (section.key) of its port; `after` the services that are started before
    it, and may not answer yet when it starts.
    """

    name: str
    module: str
    port: str | None = None
    after: tuple[str, ...] = ()
    job: bool = False
