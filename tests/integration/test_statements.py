"""Every statement runs on the server at hand and is known to MySQL 8.4 and MariaDB 11.4 alike.

`TEST_MYSQL_PORT` and `TEST_MYSQL_PASSWORD` name another server than the embedded one.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import sqlglot
from sqlglot import exp

from lakehouse import mysql
from lakehouse.domains.clicks import names as clicks
from lakehouse.domains.settings import Settings
from tests.integration import sql_statements as sql

pytestmark = pytest.mark.integration

# What one of the two knows and the other does not, as one would write it by habit.
ONE_SIDED = {
    "MariaDB": (
        r"\bRETURNING\b", r"\bOR\s+REPLACE\b", r"\bNEXT\s+VALUE\b", r"\bNEXTVAL\b",
        r"\bVERSIONING\b",
        r"\bADD\s+(COLUMN|INDEX|KEY)\s+IF\b", r"\bCREATE\s+(UNIQUE\s+)?INDEX\s+IF\b", r"\bVALUE\(",
        r"\bPERSISTENT\b", r"\b(UUID|INET4|INET6)\s+(NOT|NULL|,)",
        r"\bLIMIT\s+ROWS\b", r"\bIGNORED\b",
        r"\bDELETE\s+HISTORY\b", r"\bmysql\.global_priv\b", r"\bADD_MONTHS\b", r"\bTO_CHAR\b",
        r"\bSET\s+STATEMENT\b", r"\bEXECUTE\s+IMMEDIATE\b", r"\buca1400",
    ),
    "MySQL": (
        r"->", r"\)\s+AS\s+\w+\s+ON\s+DUPLICATE", r"utf8mb4_0900", r"\bLATERAL\b",
        r"\bMEMBER\s+OF\b",
        r"\bANY_VALUE\(", r"\bGROUPING\(", r"\b(IN)?VISIBLE\b", r"\bSET\s+PERSIST\b", r"\(\(",
        r"\bMAX_EXECUTION_TIME\b", r"\bREGEXP_LIKE\b", r"\bFOR\s+SHARE\b", r"\bBIN_TO_UUID\b",
        r"\bTABLE\s+\w+\s+(ORDER|LIMIT)\b", r"\bINTERSECT\s+ALL\b", r"\bFOR\s+UPDATE\s+OF\b",
    ),
}  # fmt: skip


def test_none_is_forgotten() -> None:
    constants = sql.constants()
    assert len(constants) >= 30
    assert {module: len(found) for module, found in sql.BUILT.items()} == sql.built()
    unasked = {name for name, text in constants.items() if "%s" in text or "%(" in text}
    assert unasked == set(sql.GIVEN)


@pytest.mark.parametrize("server", ONE_SIDED)
def test_none_is_known_to_one_server_only(server: str) -> None:
    for text in sql.everything():
        for pattern in ONE_SIDED[server]:
            assert not re.search(pattern, text, re.IGNORECASE), f"{pattern} in {text}"


def test_each_is_sql_of_mysql_to_an_independent_parser() -> None:
    """Accounts, procedures and files are beyond this parser; there the servers alone judge."""
    opaque = 0
    for text in sql.everything():
        if text.startswith(("CREATE PROCEDURE", "LOAD DATA")):
            continue
        plain = re.sub(r"%s|%\(\w+\)s", "?", text).replace("%%", "%")
        parsed = sqlglot.parse_one(plain, read="mysql")
        opaque += isinstance(parsed, exp.Command)
    accounts = len(sql.BUILT["flaskapp.database"]) + len(sql.BUILT["flaskapp.clicks.shop"])
    assert opaque <= accounts + 5


def test_each_runs_on_this_server(fresh: Settings, tmp_path: Path) -> None:
    places = {
        "database": fresh.mysql.database,
        "other": f"{fresh.mysql.database}other",
        "file": str(tmp_path / "rows.tsv"),
    }
    (tmp_path / "rows.tsv").write_text("49170000003\tprepaid\t\\N\t2026-03-01\n")
    with mysql.connect(fresh.mysql, admin=True, upload_from=tmp_path) as connection:
        run(connection, f"USE `{fresh.mysql.database}`", None)
        try:
            for name, text in in_order(sql.constants()).items():
                run(connection, text, sql.GIVEN.get(name))
            for entries in sql.BUILT.values():
                for text, values in entries:
                    run(connection, text.format(**places), filled(values, places))
            for text in sql.migrated():
                run(connection, text, None)
        finally:
            connection.rollback()
            run(connection, f"DROP DATABASE IF EXISTS `{places['other']}`", None)
            run(connection, f"DROP DATABASE IF EXISTS {clicks.MYSQL_DATABASE}", None)
            run(connection, f"DROP USER IF EXISTS '{places['other']}'@'%'", None)


def in_order(statements: dict[str, str]) -> dict[str, str]:
    """A stream is entered before anything is asked about it."""
    first = "flaskapp.streams._INSERT"
    return {first: statements[first], **statements}


def filled(values: Any, places: dict[str, str]) -> Any:
    texts = {f"{{{name}}}": place for name, place in places.items()}
    texts |= {"{database}.statements": f"{places['database']}.statements"}
    return values and tuple(texts.get(value, value) for value in values)


def run(connection: Any, text: str, values: Any) -> None:
    with connection.cursor() as cursor:
        try:
            cursor.execute(text, values) if values is not None else cursor.execute(text)
            if cursor.with_rows:
                cursor.fetchall()
            while cursor.nextset():
                if cursor.with_rows:
                    cursor.fetchall()
        except mysql.Error as error:
            raise AssertionError(f"{error}: {text}") from None
