"""Kafka Connect as a process of the installation: `python -m cdrlake.clicks.connector`.

It follows the shop's users in the database. The process becomes the worker itself.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path
from typing import NoReturn

from cdrlake.clicks import position
from cdrlake.services import connect, jars
from cdrlake.services.connect import ConnectWorker
from cdrlake.services.jars import DownloadError
from flaskapp.clicks import shop
from lakehouse import files, logs, mysql
from lakehouse.domains.clicks import names
from lakehouse.domains.settings import Settings, load
from lakehouse.errors import EXIT_FAILED, EXIT_PERMANENT, CdrlakeError
from lakehouse.http import access

LOG = logging.getLogger(__name__)
SOURCE = jars.CONF / "connect" / "mysql-source.json"
TOPIC_HISTORY = "mysql.schema-history"
# Debezium keeps the history of schemas by clients of its own, which the worker does not configure.
_CLIENTS = ("schema.history.internal.producer", "schema.history.internal.consumer")


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
        "CDC_TOPIC_USERS": settings.kafka.topic(names.TOPIC_USERS),
        "CDC_TOPIC_HISTORY": settings.kafka.topic(TOPIC_HISTORY),
    }


def definition(settings: Settings) -> Path:
    """The connector's file, with what its own clients need for the broker of the settings.

    As in the file that it is made of, `${env:...}` stands for every value that may be secret.
    """
    found = json.loads(SOURCE.read_text(encoding="utf-8"))
    told = connect.placeholders(settings.kafka).items()
    found["config"] |= {f"{client}.{name}": value for client in _CLIENTS for name, value in told}
    place = settings.state / connect.NAME / SOURCE.name
    files.replace(place, json.dumps(found, indent=2).encode())
    return place


def main() -> NoReturn:
    """Run the worker with the connector of the shop's users.

    Ends with `EXIT_PERMANENT` for what another start would meet again, and with `EXIT_FAILED` when
    the database is away or jars could not be fetched.
    """
    logs.configure()
    try:
        command, env = _prepared(load())
    except (CdrlakeError, mysql.Error) as error:
        LOG.error("%s", error)
        may_pass = isinstance(error, DownloadError) or mysql.is_outage(error)
        sys.exit(EXIT_FAILED if may_pass else EXIT_PERMANENT)
    os.execve(command[0], command, env)  # noqa: S606 the worker is a child of whoever started us


def _prepared(settings: Settings) -> tuple[list[str], dict[str, str]]:
    """The worker's command and environment, with the shop ready for it."""
    access.require_safe_address(settings.api, "connect.host", settings.connect.host)
    shop.prepare(settings)
    position.require_log(settings)
    own = settings.state, settings.cache, jars.find_java(), (definition(settings),)
    worker = ConnectWorker(settings.connect, settings.kafka, *own)
    return worker.prepare(), worker.environment(variables(settings, shop.account(settings)))


if __name__ == "__main__":
    main()
