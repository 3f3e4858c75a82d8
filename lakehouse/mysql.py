"""Connections to the database: one way to open them, and errors that people can act on.

Sessions use UTC, reject values that do not fit, and only read committed data.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import mysql.connector

from lakehouse.errors import UnreachableError
from lakehouse.settings.model import MysqlSettings

Error = mysql.connector.Error
OperationalError = mysql.connector.OperationalError
# The server refuses a value, and would refuse it again.
ValueErrors = mysql.connector.DataError, mysql.connector.IntegrityError
CONNECT_TIMEOUT_S = 5
_LOCK_WAIT_TIMEOUT, _DEADLOCK = 1205, 1213
# Access denied to a database or a server, unknown database, account locked.
_REFUSALS = (1044, 1045, 1049, 1698, 3118, 4151)
_SQL_MODE = "STRICT_TRANS_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO"


@contextmanager
def connect(
    settings: MysqlSettings, admin: bool = False, upload_from: Path | None = None
) -> Iterator[Any]:
    """A DB-API connection, closed at the end of the block; uncommitted work is rolled back.

    With `admin` it uses the administrator's account and selects no database, since it may not exist
    yet. The server may read files in the folder `upload_from` (LOAD DATA LOCAL), and no others.
    Raises `UnreachableError` when it cannot connect.
    """
    secret = settings.admin_password if admin else settings.password
    where = f"database at {settings.host}:{settings.port}"
    try:
        connection = mysql.connector.connect(
            host=settings.host,
            port=settings.port,
            user=settings.admin_user if admin else settings.user,
            password=secret.get_secret_value() if secret else "",
            database=None if admin else settings.database,
            allow_local_infile_in_path=str(upload_from) if upload_from else None,
            charset="utf8mb4",
            collation="utf8mb4_bin",
            time_zone="+00:00",
            sql_mode=_SQL_MODE,
            init_command="SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
            connection_timeout=CONNECT_TIMEOUT_S,
        )
    except Error as error:
        refused = error.errno in _REFUSALS
        do = "check account and password" if refused else "check that it runs (`cdrlake status`)"
        raise UnreachableError(where, "a connection", error.msg or str(error), do) from None
    try:
        yield connection
    finally:
        close(connection)


@contextmanager
def transaction(connection: Any) -> Iterator[Any]:
    """A cursor; its work is committed at the end of the block, or rolled back on an error."""
    try:
        with connection.cursor() as cursor:
            yield cursor
        connection.commit()
    except BaseException:
        with suppress(Error):  # a connection that is gone has undone it already
            connection.rollback()
        raise


def is_outage(error: BaseException) -> bool:
    """Whether the same work may succeed later: no connection, a lost one, or a lock conflict."""
    lost = OperationalError, mysql.connector.InterfaceError, UnreachableError
    conflict = getattr(error, "errno", None) in (_LOCK_WAIT_TIMEOUT, _DEADLOCK)
    return isinstance(error, lost) or (isinstance(error, Error) and conflict)


def close(connection: Any) -> None:
    """Close a connection, even if its server is gone."""
    try:
        connection.close()
    except Error:
        connection.shutdown()


def is_locked(cursor: Any, name: str) -> bool:
    """Whether anybody currently holds the named lock."""
    cursor.execute("SELECT IS_USED_LOCK(%s) IS NOT NULL", (f"cdrlake.{name}",))
    return bool(cursor.fetchone()[0])


@contextmanager
def lock(connection: Any, name: str, wait_s: float = 0) -> Iterator[bool]:
    """Hold a named lock of the server for the duration of the block; false if it is taken.

    The server releases it when the connection ends, however that happens.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT GET_LOCK(%s, %s)", (f"cdrlake.{name}", wait_s))
        held = cursor.fetchone()[0] == 1
    try:
        yield held
    finally:
        if held and connection.is_connected():
            with connection.cursor() as cursor:
                cursor.execute("SELECT RELEASE_LOCK(%s)", (f"cdrlake.{name}",))
                cursor.fetchone()
