"""Creates the database: schema, tables, procedure, and an application account with few rights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flaskapp import migrations
from lakehouse import mysql, names
from lakehouse.errors import DatabaseError
from lakehouse.settings import Settings
from lakehouse.settings.model import MysqlSettings


def initialise(settings: Settings, *folders: Path) -> list[str]:
    """Create what is missing; returns the names of the applied migrations.

    The migrations are those below `folders`, by default those of all domains. Safe to repeat and to
    run from two processes at once. Raises `DatabaseError` when the server cannot be reached, the
    application has no password, or a migration fails.
    """
    database = settings.mysql
    if database.password is None:
        raise DatabaseError(
            "setting mysql.password",
            "a password for the application's account",
            "none",
            "set CDRLAKE_MYSQL__PASSWORD",
        )
    with mysql.connect(database, admin=True) as connection, connection.cursor() as cursor:
        name = database.database
        cursor.execute(
            f"CREATE DATABASE IF NOT EXISTS `{name}` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
        )
        cursor.execute(f"USE `{name}`")
        with mysql.lock(connection, f"{name}.migrations", wait_s=60):
            applied = migrations.apply(connection, migrations.find(*folders))
            _grant(cursor, database, database.password.get_secret_value())
        connection.commit()
    return [migration.name for migration in applied]


def _grant(cursor: Any, database: MysqlSettings, password: str) -> None:
    account = (database.user,)
    cursor.execute("CREATE USER IF NOT EXISTS %s@'%%' IDENTIFIED BY %s", (*account, password))
    cursor.execute("ALTER USER %s@'%%' IDENTIFIED BY %s", (*account, password))
    cursor.execute(
        f"GRANT SELECT, INSERT, UPDATE, EXECUTE ON `{database.database}`.* TO %s@'%%'", account
    )
    # Rows leave this table only; everywhere else the application adds and corrects.
    outbox = f"`{database.database}`.{names.MYSQL_OUTBOX}"
    cursor.execute(f"GRANT DELETE ON {outbox} TO %s@'%%'", account)
