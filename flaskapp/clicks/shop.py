"""The shop's own database: its users, as the shop keeps them, and who may follow their changes."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any

from lakehouse import mysql
from lakehouse.domains.clicks import names, world
from lakehouse.domains.clicks.world import Visitor
from lakehouse.errors import DatabaseError
from lakehouse.settings import Settings

Crowd = Callable[[int], Iterable[Visitor]]
AT_ONCE = 1_000
COLUMNS = ("id", "name", "platform", "country", "ip_address", "nb_orders")
_DATABASE = f"CREATE DATABASE IF NOT EXISTS {names.MYSQL_DATABASE} CHARACTER SET utf8mb4"
_TABLE = (
    f"CREATE TABLE IF NOT EXISTS {names.MYSQL_USERS} (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, "
    "name VARCHAR(255), platform VARCHAR(64), country VARCHAR(2), ip_address VARCHAR(45), "
    f"nb_orders INT) AUTO_INCREMENT = {world.FIRST_ID}"
)
_FIRST = (
    (1, "Alice", "Windows", "PL", "10.10.10.10", 0),
    (2, "Bob", "Android", "FR", "14.14.14.14", 1),
)
_INSERT = (
    f"INSERT INTO {names.MYSQL_USERS} ({', '.join(COLUMNS)}) "  # noqa: S608
    "VALUES (%s, %s, %s, %s, %s, %s)"
)
_ADD = (
    f"INSERT IGNORE INTO {names.MYSQL_USERS} ({', '.join(COLUMNS)}) "  # noqa: S608
    "VALUES (%s, %s, %s, %s, %s, %s)"
)
_COUNT = f"SELECT COUNT(*) FROM {names.MYSQL_USERS}"  # noqa: S608
_IDS = f"SELECT id FROM {names.MYSQL_USERS}"  # noqa: S608
_LAST = f"SELECT COALESCE(MAX(id), 0) FROM {names.MYSQL_USERS} FOR UPDATE"  # noqa: S608
# Debezium reads tables once, then the binary log.
RIGHTS = "SELECT, RELOAD, SHOW DATABASES, REPLICATION SLAVE, REPLICATION CLIENT"


def prepare(settings: Settings) -> int:
    """Create the shop's database with its first two users, and let the application write to it.

    Safe to repeat; returns how many users there are. On a server without its administrator's
    password nothing is created, and `DatabaseError` is raised when there is no such table.
    """
    database = settings.mysql
    is_admin = database.admin_password is not None
    with mysql.connect(database, admin=is_admin) as connection, connection.cursor() as cursor:
        if is_admin:
            cursor.execute(_DATABASE)
            cursor.execute(_TABLE)
            cursor.executemany(_ADD, _FIRST)
            cursor.execute(
                f"GRANT SELECT, INSERT, UPDATE, DELETE ON {names.MYSQL_DATABASE}.* TO %s@'%%'",
                (database.user,),
            )
            connection.commit()
        try:
            cursor.execute(_COUNT)
        except mysql.Error as error:
            if mysql.is_outage(error):
                raise
            raise DatabaseError(
                "the shop's database", f"the table {names.MYSQL_USERS}", error.msg or str(error),
                "set mysql.admin_password, so that it can be made, or create it",
            ) from None  # fmt: skip
        return int(cursor.fetchone()[0])


def ids(settings: Settings) -> set[int]:
    """The ids of all users. Raises `UnreachableError` when the server does not answer."""
    with mysql.connect(settings.mysql) as connection, connection.cursor() as cursor:
        cursor.execute(_IDS)
        return {int(number) for (number,) in cursor.fetchall()}


def account(settings: Settings) -> str:
    """The password of the account that follows changes: that of the settings, or a new one.

    With the administrator's password the account is created, or gets that password. Raises
    `UnreachableError` when the server does not answer.
    """
    told = settings.connect.password
    if settings.mysql.admin_password is None:
        return told.get_secret_value() if told else ""
    made = told.get_secret_value() if told else secrets.token_urlsafe(24)
    with mysql.connect(settings.mysql, admin=True) as connection, connection.cursor() as cursor:
        name = settings.connect.user
        cursor.execute("CREATE USER IF NOT EXISTS %s@'%%' IDENTIFIED BY %s", (name, made))
        cursor.execute("ALTER USER %s@'%%' IDENTIFIED BY %s", (name, made))
        cursor.execute(f"GRANT {RIGHTS} ON *.* TO %s@'%%'", (name,))
    return made


def register(settings: Settings, crowd: Crowd) -> Sequence[Visitor]:
    """Insert the users that `crowd` gives for the first free id, in one transaction; those users.

    Raises `UnreachableError` when the server does not answer.
    """
    with mysql.connect(settings.mysql) as connection, mysql.transaction(connection) as cursor:
        return insert(cursor, crowd)


def insert(cursor: Any, crowd: Crowd, sign: Callable[[], None] = lambda: None) -> Sequence[Visitor]:
    """Insert users as part of a transaction; ids never collide, whoever else registers users.

    `sign` is called again and again while this goes on.
    """
    cursor.execute(_LAST)
    visitors = list[Visitor]()
    coming = iter(crowd(max(int(cursor.fetchone()[0]) + 1, world.FIRST_ID)))
    while some := list(islice(coming, AT_ONCE)):
        cursor.executemany(_INSERT, [_row(one) for one in some])
        visitors += some
        sign()
    return visitors


def _row(one: Visitor) -> tuple[Any, ...]:
    return tuple(getattr(one, name) for name in COLUMNS)
