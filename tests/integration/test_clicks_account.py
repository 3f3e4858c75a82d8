"""The account that Kafka Connect logs in with, on the server at hand."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from flaskapp.clicks import shop
from lakehouse import mysql
from lakehouse.domains.settings import Settings

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("told", [None, "a-password", "another-one"])
def test_it_has_the_password_of_the_settings_or_a_new_one(
    fresh: Settings, told: str | None
) -> None:
    secret = None if told is None else SecretStr(told)
    connect = fresh.connect.model_copy(update={"password": secret})
    password = shop.account(fresh.model_copy(update={"connect": connect}))
    assert password and password == (told or password)
    changes = {"user": connect.user, "password": SecretStr(password)}
    own = fresh.mysql.model_copy(update=changes)
    with mysql.connect(own) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW BINARY LOGS")
        cursor.fetchall()
