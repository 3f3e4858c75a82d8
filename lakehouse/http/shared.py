"""What all services' pages share: files under `/shared`, and links to the other pages."""

from __future__ import annotations

from flask import Blueprint
from msgspec import Struct

from lakehouse.http.operations import Operation, operation
from lakehouse.settings import Settings


class Services(Struct, frozen=True):
    """The ports of the services that have pages."""

    simulator: int
    monitoring: int
    serving: int


def blueprint(settings: Settings) -> Blueprint:
    """Routes of the shared files, and of the list of services."""
    made = Blueprint("shared", __name__, static_folder="static", static_url_path="/shared")

    @made.get("/services")
    @operation(Operation("Ports of the services", Services, access="open"))
    def services() -> Services:
        ports = settings.simulator.port, settings.monitoring.port, settings.serving.port
        return Services(*ports)

    return made
