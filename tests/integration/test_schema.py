"""The schema asked for by the application's own account, on the server at hand."""

from __future__ import annotations

import pytest

from cdrlake import schema
from lakehouse import mysql, names
from lakehouse.domains.settings import Settings
from lakehouse.errors import DatabaseError

pytestmark = pytest.mark.integration


def without_administrator(settings: Settings) -> Settings:
    own = settings.mysql.model_copy(update={"embedded": False, "admin_password": None})
    return settings.model_copy(update={"mysql": own})


def test_without_its_administrator_a_database_that_is_ready_is_enough(fresh: Settings) -> None:
    schema.ensure(without_administrator(fresh))


def test_without_its_administrator_a_missing_migration_is_named(fresh: Settings) -> None:
    with mysql.connect(fresh.mysql, admin=True) as connection, connection.cursor() as cursor:
        cursor.execute(f"USE `{fresh.mysql.database}`")
        cursor.execute(f"DELETE FROM {names.MYSQL_MIGRATIONS} WHERE version = 2")
        connection.commit()
    with pytest.raises(DatabaseError, match=r"lacks the migrations results, .*cdrlake db init"):
        schema.ensure(without_administrator(fresh))


def test_without_its_administrator_an_empty_database_lacks_every_migration(
    fresh: Settings,
) -> None:
    with mysql.connect(fresh.mysql, admin=True) as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE `{fresh.mysql.database}`.{names.MYSQL_MIGRATIONS}")
    with pytest.raises(DatabaseError, match="lacks the migrations shared, source, results, "):
        schema.ensure(without_administrator(fresh))
