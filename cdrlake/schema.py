"""The database's schema: made by the administrator, or only looked at where nobody is one."""

from __future__ import annotations

from flaskapp import database, migrations
from lakehouse import mysql, names
from lakehouse.domains.settings import Settings
from lakehouse.errors import DatabaseError

_APPLIED = f"SELECT version FROM {names.MYSQL_MIGRATIONS}"  # noqa: S608


def ensure(settings: Settings) -> None:
    """Create what is missing; on a server of one's own without its administrator, only check.

    Raises `DatabaseError` when the server cannot be reached, a migration fails, or one is missing
    and nobody here may apply it.
    """
    own = settings.mysql
    if own.embedded or own.admin_password is not None:
        database.initialise(settings)
    else:
        require_migrations(settings)


def require_migrations(settings: Settings) -> None:
    """Raise `DatabaseError` unless every migration has been applied, asked as the application."""
    applied = _applied(settings)
    missing = [one.name for one in migrations.find() if one.version not in applied]
    if missing:
        place = f"{settings.mysql.database} at {settings.mysql.host}:{settings.mysql.port}"
        raise DatabaseError.sentence(
            f"The database {place} lacks the migrations {', '.join(missing)}, and without an "
            "administrator's password they cannot be applied; set CDRLAKE_MYSQL__ADMIN_PASSWORD "
            "and run `cdrlake db init` once.",
            where=place,
            got=", ".join(missing),
        )


def _applied(settings: Settings) -> set[int]:
    with mysql.connect(settings.mysql) as connection, connection.cursor() as cursor:
        try:
            cursor.execute(_APPLIED)
        except mysql.Error as error:
            if mysql.is_outage(error):
                raise
            return set()  # no such table yet, or none that this account may see
        return {version for (version,) in cursor.fetchall()}
