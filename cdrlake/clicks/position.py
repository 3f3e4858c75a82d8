"""Where the connector has got to in the database's binary log, and what helps when that is gone.

The worker keeps its position in a file. If the database has purged the log from there on, changes
are lost, and a snapshot alone would not tell which users have left meanwhile.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from cdrlake.services import connect, process
from flaskapp.clicks import shop
from lakehouse import mysql, store
from lakehouse.domains.clicks import names
from lakehouse.domains.settings import Settings
from lakehouse.errors import ServiceError
from lakehouse.names import table_uri
from lakehouse.publisher import Publisher

# Debezium's position as JSON, inside the Java map that the worker's file holds.
_FILE = re.compile(rb'"file":"([^"]+)"')


def log_file(settings: Settings) -> str | None:
    """The binary log from which the connector goes on; None before its first position."""
    path = _offsets(settings)
    found = _FILE.findall(path.read_bytes()) if path.exists() else []
    return found[-1].decode() if found else None


def require_log(settings: Settings) -> None:
    """Raise `ServiceError` if the database no longer has the log from which the connector goes on.

    Without a password of an account that may ask for its logs, the connector itself has to find
    out. Raises `UnreachableError` when the database does not answer.
    """
    wanted, secrets = log_file(settings), (settings.mysql.admin_password, settings.connect.password)
    if wanted is None or secrets == (None, None):
        return
    held = logs(settings)
    if wanted not in held:
        raise ServiceError(
            "Kafka Connect, the users' changes",
            f"the binary log {wanted}, from which it goes on",
            f"a database that has only {', '.join(held) or 'none'}: changes in between are lost",
            "run `cdrlake clicks users --resnapshot`, which reads the whole table again",
        )


def logs(settings: Settings) -> list[str]:
    """The binary logs that the database still has, the oldest first."""
    database, told = settings.mysql, settings.connect.password
    if database.admin_password is None and told is not None:
        database = database.model_copy(update={"user": settings.connect.user, "password": told})
    is_admin = database.admin_password is not None
    with mysql.connect(database, admin=is_admin) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW BINARY LOGS")
        return [str(row[0]) for row in cursor.fetchall()]


def resnapshot(settings: Settings) -> int:
    """Let the connector read the whole table at its next start; users who have left are told now.

    Returns how many these are. Raises `ServiceError` while the worker runs.
    """
    is_child, place = connect.NAME in process.find_running(settings.state), settings.connect
    if is_child or connect.is_listening(place):
        raise ServiceError.sentence(
            f"Kafka Connect is running at {place.host}:{place.port}; stop it with `cdrlake down` "
            "or `docker compose stop connect` before its position is reset."
        )
    gone = _kept(settings) - shop.ids(settings)
    publisher = Publisher(settings.kafka)
    for user in sorted(gone):
        said = {"id": user, "__deleted": "true"}
        publisher.send(names.TOPIC_USERS, _key(user), json.dumps(said))
    publisher.deliver()
    _offsets(settings).unlink(missing_ok=True)
    return len(gone)


def _kept(settings: Settings) -> set[int]:
    uri = table_uri(settings.lake_uri, names.USERS)
    if not store.exists(uri, settings.lake_options):
        return set()
    ids = store.scan(uri, settings.lake_options).select("id")
    return set(store.collect(ids, uri, settings.lake_options)["id"])


def _key(user: int) -> str:
    """The key of a user's messages, as the connector writes it."""
    return json.dumps({"id": user}, separators=(",", ":"))


def _offsets(settings: Settings) -> Path:
    return settings.state / connect.NAME / "offsets"
