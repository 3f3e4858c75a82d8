"""What the first service needs: databases, accounts, topics, history. Safe to repeat."""

from __future__ import annotations

import logging
import sys

from flaskapp import database
from flaskapp.cdr import loader
from flaskapp.clicks import shop
from lakehouse import kafka, logs
from lakehouse.domains import DOMAINS, settings
from lakehouse.errors import CdrlakeError

LOG = logging.getLogger("prepare")


def main() -> int:
    """Create what is missing and load the history that is not loaded yet; exit code."""
    logs.configure()
    try:
        loaded = settings.load()
        database.initialise(loaded)
        shop.prepare(loaded)
        shop.account(loaded)
        kafka.create_topics(loaded.kafka, [topic for one in DOMAINS for topic in one.topics])
        LOG.info("%s", loader.load_history(loaded).message)
    except CdrlakeError as error:
        LOG.error("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
