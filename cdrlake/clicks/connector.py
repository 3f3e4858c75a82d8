"""Kafka Connect as a process of the installation: `python -m cdrlake.clicks.connector`.

It follows the shop's users in the database. The process becomes the worker itself.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import NoReturn

from cdrlake.clicks import position
from cdrlake.services import jars
from cdrlake.services.connect import ConnectWorker
from flaskapp.clicks import shop
from lakehouse import logs
from lakehouse.domains.settings import Settings, load
from lakehouse.errors import EXIT_PERMANENT, CdrlakeError

LOG = logging.getLogger(__name__)
SOURCE = jars.CONF / "connect" / "mysql-source.json"


def variables(settings: Settings, password: str) -> dict[str, str]:
    """What `${env:...}` in the connector's file stands for."""
    return {
        "CDC_HOST": settings.mysql.host,
        "CDC_PORT": str(settings.mysql.port),
        "CDC_USER": settings.connect.user,
        "CDC_PASSWORD": password,
        # The embedded server is on loopback and speaks no TLS.
        "CDC_SSL_MODE": "disabled" if settings.mysql.embedded else "preferred",
        "CDC_KAFKA": settings.kafka.bootstrap_servers,
    }


def main() -> NoReturn:
    """Run the worker with the connector of the shop's users."""
    logs.configure()
    try:
        settings = load()
        shop.prepare(settings)
        position.require_log(settings)
        own = settings.state, settings.cache, jars.find_java(), (SOURCE,)
        command = ConnectWorker(settings.connect, settings.kafka, *own).prepare()
        env = {"PATH": os.environ["PATH"], **variables(settings, shop.account(settings))}
    except CdrlakeError as error:
        LOG.error("%s", error)
        sys.exit(EXIT_PERMANENT)
    os.execve(command[0], command, env)  # noqa: S606 the worker is a child of whoever started us


if __name__ == "__main__":
    main()
