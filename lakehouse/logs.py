"""Logging of services: one line per event on standard error, times in UTC."""

from __future__ import annotations

import logging
import time
from copy import copy

from stamina.instrumentation import RetryDetails, set_on_retry_hooks

from lakehouse import display

LOG = logging.getLogger(__name__)


class OneLine(logging.Formatter):
    r"""Formats an event so that nothing in it can control a terminal or pose as another event.

    >>> record = logging.makeLogRecord({"msg": "got %s", "args": ("a\x1b[2J\nERROR b",)})
    >>> OneLine("%(message)s").format(record)
    'got a\\x1b[2J\\nERROR b'
    """

    def format(self, record: logging.LogRecord) -> str:
        """The event as text: the message on one line, any traceback below it."""
        shown = copy(record)
        shown.msg, shown.args = display.printable(record.getMessage()), None
        return display.printable(super().format(shown), keep="\n\t")


def configure(level: int = logging.INFO) -> None:
    """Log to standard error; chatty libraries only get to log when something is wrong."""
    formatter = OneLine(
        "%(asctime)s.%(msecs)03dZ %(levelname)-7s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S"
    )
    formatter.converter = time.gmtime
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in ("py4j", "mlflow", "alembic", "matplotlib", "urllib3", "mysql"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # By itself stamina logs the name of its event, and the reason only as a field of the record.
    set_on_retry_hooks([_tell_retry])


def _tell_retry(details: RetryDetails) -> None:
    cause = str(details.caused_by) or type(details.caused_by).__name__
    LOG.info("%s: trying again in %.1f s, after: %s", details.name, details.wait_for, cause)
