"""The schema without its administrator: only looked at, and what is missing is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import mysql.connector
import pytest

from cdrlake import schema
from flaskapp import migrations
from lakehouse.domains.settings import Settings
from lakehouse.errors import DatabaseError

Serve = Callable[[list[int] | None], list[bool]]


class Rows:
    """A cursor on the table of migrations; without numbers there is no such table."""

    def __init__(self, versions: list[int] | None) -> None:
        self._versions = versions

    def execute(self, statement: str) -> None:
        assert statement == "SELECT version FROM schema_migrations"
        if self._versions is None:
            raise mysql.connector.ProgrammingError("no such table", errno=1146)

    def fetchall(self) -> list[tuple[int]]:
        return [(version,) for version in self._versions or []]

    def __enter__(self) -> Rows:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""

    def cursor(self) -> Rows:
        return self


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Serve:
    """Put a server in place; gives a list of the log-ins, true for those of the administrator."""

    def put(versions: list[int] | None) -> list[bool]:
        seen: list[bool] = []

        @contextmanager
        def connect(_settings: Any, admin: bool = False) -> Iterator[Rows]:
            seen.append(admin)
            yield Rows(versions)

        monkeypatch.setattr("cdrlake.schema.mysql.connect", connect)
        monkeypatch.setattr("cdrlake.schema.database.initialise", lambda _: seen.append(True))
        return seen

    return put


def settings(**mysql_keys: Any) -> Settings:
    return Settings.model_validate({"mysql": mysql_keys})


def test_an_own_server_without_its_administrator_is_only_asked(serve: Serve) -> None:
    seen = serve([one.version for one in migrations.find()])
    schema.ensure(settings(embedded=False, password="p"))
    assert seen == [False]


@pytest.mark.parametrize("applied", [None, [1, 2]])
def test_what_is_missing_is_named_with_what_to_do(serve: Serve, applied: list[int] | None) -> None:
    serve(applied)
    last = migrations.find()[-1].name
    with pytest.raises(DatabaseError, match=rf"{last}.*ADMIN_PASSWORD.*cdrlake db init"):
        schema.ensure(settings(embedded=False, password="p"))


@pytest.mark.parametrize("keys", [{"embedded": True}, {"embedded": False, "admin_password": "a"}])
def test_with_an_administrator_the_schema_is_made(serve: Serve, keys: dict[str, Any]) -> None:
    seen = serve(None)
    schema.ensure(settings(password="p", **keys))
    assert seen == [True]
