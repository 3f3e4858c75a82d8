"""The SQL prompt reaches the embedded server with its own client."""

from __future__ import annotations

import pytest

from cdrlake import db_shell
from lakehouse.domains.settings import Settings

pytestmark = pytest.mark.integration


def test_a_statement_is_run_as_the_application(
    fresh: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    if not fresh.mysql.embedded:
        pytest.skip("TEST_MYSQL_PORT names a server without a client of its own")
    assert db_shell.shell(fresh, ["-N", "-e", "SELECT 40 + 2, CURRENT_USER()"]) == 0
    number, user = capfd.readouterr().out.split()
    assert number == "42"
    assert user.startswith(fresh.mysql.user)
    assert db_shell.shell(fresh, ["-e", "SELECT nothing"]) == 1
    assert "Unknown column" in capfd.readouterr().err
