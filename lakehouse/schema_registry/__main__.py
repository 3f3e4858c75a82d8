"""The embedded schema registry: `python -m lakehouse.schema_registry`."""

from __future__ import annotations

import logging
import sys
import threading

from lakehouse.domains.settings import Settings, load
from lakehouse.http import access, server
from lakehouse.schema_registry.app import create_app
from lakehouse.schema_registry.registry import KafkaLog, SchemaRegistry

LOG = logging.getLogger("schema_registry")


def serve(settings: Settings, stop: threading.Event) -> None:
    """Serve until `stop` is set."""
    app = create_app(settings, SchemaRegistry(KafkaLog(settings.kafka)))
    place = settings.schemas
    with server.serving(app, place.host, place.port, access.max_body_bytes(settings.api)):
        LOG.info("schema registry on http://%s:%s", place.host, place.port)
        stop.wait()


def main() -> int:
    """Serve until SIGTERM or Ctrl-C; returns 0 then, or 1 if the service cannot start."""
    return server.run(load, serve)


if __name__ == "__main__":
    sys.exit(main())
