"""Logging of services: one line per event on standard error, times in UTC."""

from __future__ import annotations

import logging
import time


def configure(level: int = logging.INFO) -> None:
    """Log to standard error; chatty libraries only when something is wrong."""
    formatter = logging.Formatter(
        "%(asctime)s.%(msecs)03dZ %(levelname)-7s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S"
    )
    formatter.converter = time.gmtime
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in ("py4j", "mlflow", "alembic", "matplotlib", "urllib3", "mysql"):
        logging.getLogger(name).setLevel(logging.WARNING)
