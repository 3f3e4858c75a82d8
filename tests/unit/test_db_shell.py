"""An SQL prompt without a password that others can see."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from pydantic import SecretStr

from cdrlake import db_shell
from lakehouse.errors import ServiceError
from lakehouse.settings import Settings
from lakehouse.settings.model import MysqlSettings

CLIENT = """#!/bin/sh
case "$1" in --defaults-extra-file=*) cat "${1#*=}" ;; esac
shift
echo "options: $*"
exit 3
"""


def settings(state: Path) -> Settings:
    secret = SecretStr('a "quoted" \\ secret')
    return Settings(state_dir=str(state), mysql=MysqlSettings(embedded=False, password=secret))


def test_the_client_gets_its_password_by_a_private_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    client = tmp_path / "mysql"
    client.write_text(CLIENT, encoding="utf-8")
    client.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert db_shell.shell(settings(tmp_path / "state"), ["-e", "SELECT 1"]) == 3
    said = capfd.readouterr().out
    assert 'password="a \\"quoted\\" \\\\ secret"' in said
    assert said.endswith("options: -e SELECT 1\n")
    access = tmp_path / "state" / "mysql-client.cnf"
    assert stat.S_IMODE(access.stat().st_mode) == 0o600


def test_without_a_client_it_says_which_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServiceError, match="mariadb"):
        db_shell.shell(settings(tmp_path))
