"""Every SQL statement that the project sends: found in the code, not kept by hand.

A statement is a constant of a module or is built in a function. The constants are collected; what
is built stands in `BUILT` as an example, and a test counts that none is missing there.
"""

from __future__ import annotations

import ast
import importlib
import re
from datetime import date, datetime
from pathlib import Path
from typing import Any

from flaskapp import migrations, outbox
from flaskapp.cards import record, verdicts
from flaskapp.cdr import reads
from flaskapp.clicks import shop
from lakehouse.domains.cards import names as cards
from lakehouse.domains.cdr import CDR
from lakehouse.domains.clicks import names as clicks
from lakehouse.settings import ROOT
from mirror import sinks

ROOMS = ("lakehouse", "flaskapp", "mirror", "monitoring", "eda", "pyspark_jobs")
_VERBS = "ALTER CALL CREATE DELETE DROP GRANT INSERT LOAD REPLACE SELECT SET TRUNCATE UPDATE USE"
_IS_SQL = re.compile(rf"\s*({_VERBS.replace(' ', '|')})\s")
_NOW, _DAY = datetime.fromisoformat("2026-03-01T12:00:00"), date(2026, 3, 1)
_STREAM = "live-20260301T120000-abcdef"
_COLUMNS = "`DP_MSISDN`, `segment`, `region`, `activated_on`"

_CARDS, _VERDICTS = cards.MYSQL_TABLE, verdicts.WAITING
_CARD = {
    "trans_date_trans_time": _NOW, "cc_num": "4497913965512794052", "merchant": "m",
    "category": "c", "amt": 1.5, "trans_num": "t1", "is_fraud": True, "score": 0.5,
    "decision": "block", "expected_loss": 3.0, "model_version": 1, "predicted_at": _NOW,
    "features": "[]", "verify_chance": 1.0, "drawn": False,
}  # fmt: skip

# Built in functions: where, how many of them stand there, and an example of each.
BUILT: dict[str, list[tuple[str, Any]]] = {
    "flaskapp.bulk": [
        ("SELECT @@local_infile", None),
        (f"INSERT INTO Subscribers ({_COLUMNS}) VALUES (%s, %s, %s, %s)",
         ("49170000002", None, None, _DAY)),
        (f"LOAD DATA LOCAL INFILE %s INTO TABLE Subscribers CHARACTER SET utf8mb4 ({_COLUMNS})",
         ("{file}",)),
    ],
    "flaskapp.cards.verdicts": [
        (f"SELECT trans_date_trans_time FROM {_CARDS} WHERE trans_num = %s FOR UPDATE", ("t1",)),
        (f"UPDATE {_CARDS} SET fraud_confirmed = %s, confirmed_at = %s WHERE trans_num = %s",
         (True, _NOW, "t1")),
        (f"INSERT INTO {_VERDICTS} (trans_num, message) VALUES (%s, %s)", ("t1", "{}")),
        (f"SELECT id, trans_num, message FROM {_VERDICTS} WHERE sent = FALSE "
         "ORDER BY id LIMIT 5 FOR UPDATE", None),
        (f"UPDATE {_VERDICTS} SET sent = TRUE WHERE id = %s", (1,)),
        (f"SELECT is_fraud, fraud_confirmed, verify_chance FROM {_CARDS} "
         "WHERE fraud_confirmed IS NOT NULL AND (is_fraud = 1 OR drawn = 1)", None),
        (f"SELECT `first`, fraud_confirmed, verify_chance FROM {_CARDS} "
         "WHERE fraud_confirmed IS NOT NULL ORDER BY id", None),
        (f"SELECT id, cc_num FROM {_CARDS} WHERE fraud_confirmed IS NULL "
         "AND (is_fraud = 1 OR drawn = 1) ORDER BY is_fraud DESC, expected_loss DESC, id LIMIT %s",
         (5,)),
    ],
    "flaskapp.clicks.shop": [
        ("CREATE USER IF NOT EXISTS %s@'%%' IDENTIFIED BY %s", ("{other}", "a password")),
        ("ALTER USER %s@'%%' IDENTIFIED BY %s", ("{other}", "a new password")),
        (f"GRANT {shop.RIGHTS} ON *.* TO %s@'%%'", ("{other}",)),
        (f"GRANT SELECT, INSERT, UPDATE, DELETE ON {clicks.MYSQL_DATABASE}.* TO %s@'%%'",
         ("{other}",)),
    ],
    "flaskapp.database": [
        ("CREATE DATABASE IF NOT EXISTS `{other}` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", None),
        ("CREATE USER IF NOT EXISTS %s@'%%' IDENTIFIED BY %s", ("{other}", "a password")),
        ("ALTER USER %s@'%%' IDENTIFIED BY %s", ("{other}", "a new password")),
        ("GRANT SELECT, INSERT, UPDATE, EXECUTE ON `{other}`.* TO %s@'%%'", ("{other}",)),
        ("GRANT DELETE ON `{database}`.Outbox TO %s@'%%'", ("{other}",)),
        ("USE `{database}`", None),
    ],
    "flaskapp.outbox": [
        ("DELETE FROM Outbox WHERE entry_id IN (%s, %s)", (1, 2)),
        (f"SET SESSION group_concat_max_len = {outbox.MAX_TEXT_BYTES}", None),
        (outbox.lines("sequence", "CDR_Outcomes"), (_STREAM, 0, 9)),
    ],
    "flaskapp.cdr.reads": [(f"CALL {reads.PROCEDURE}(%s)", (_DAY,))],
    "lakehouse.mysql": [
        ("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", None),
        ("SELECT GET_LOCK(%s, %s)", ("{database}.statements", 1)),
        ("SELECT IS_USED_LOCK(%s) IS NOT NULL", ("{database}.statements",)),
        ("SELECT RELEASE_LOCK(%s)", ("{database}.statements",)),
    ],
    "monitoring.traits": [
        ("SELECT `DP_MSISDN`, `segment`, `region` FROM `Subscribers` LIMIT %s", (10,)),
    ],
    # The statement of the other mirror is run by the tests of the mirror, with rows of its own.
    "mirror.sinks": [
        (sinks.upsert_statement(mirror), tuple(
            {"Date": _DAY, "User": "49170000001", "features_str": "{}", "run_id": "r"}.get(
                field.name, _NOW if field.kind == "timestamp" else 1)
            for field in mirror.published.fields))
        for mirror in CDR.mirrors[:1]
    ],
}  # fmt: skip

# What the constants with parameters are given.
GIVEN: dict[str, Any] = {
    "flaskapp.cards.record.INSERT": tuple(map(_CARD.get, record.COLUMNS)),
    "flaskapp.clicks.pipeline_page._STREAMS": ("clicks",),
    "flaskapp.clicks.shop._ADD": (1, "Alice", "Windows", "PL", "10.10.10.10", 0),
    "flaskapp.clicks.shop._INSERT": (5, "Eve", "iOS", "FR", "10.10.10.11", 0),
    "flaskapp.cdr.feed._SUBSCRIBER": ("49170000001", "prepaid", "north", _DAY),
    "flaskapp.cdr.history._LATER": (_DAY,),
    "flaskapp.cdr.history._STORED": (_DAY,),
    "flaskapp.cdr.event_store._BLOCK": (_DAY, _STREAM, 0, 1, "2.5", 3, "4.25"),
    "flaskapp.outbox._ENTER": ("event", _STREAM, 0, 9, _NOW),
    "flaskapp.cdr.event_store._LABELS": (_DAY,),
    "flaskapp.cdr.event_store._OUTCOMES": {
        "day": _DAY, "known": _DAY, "stream": _STREAM, "base": 0, "since": _DAY, "horizon": _DAY,
    },
    "flaskapp.cdr.event_store._SENT": (_STREAM,),
    "flaskapp.cdr.live._POOL": (_STREAM, 0),
    "flaskapp.cdr.resend._ENTRY": ("event", _STREAM, 0, 9, _NOW),
    "flaskapp.cdr.resend._EVENTS_HELD": (_STREAM, 0, 9),
    "flaskapp.cdr.resend._OUTCOMES_HELD": (_STREAM, 0, 9),
    "flaskapp.cdr.live._SOURCE": ("cdr",),
    "flaskapp.fraud.source._NEWEST": (5,),
    "flaskapp.migrations._RECORD": (999, "a test", "0" * 64),
    "flaskapp.cdr.messages._EVENTS": (_STREAM, 0, 9),
    "flaskapp.cdr.messages._OUTCOMES": (_STREAM, 0, 9),
    "flaskapp.cdr.reads._LAST": (5,),
    "flaskapp.state._GET": ("place",),
    "flaskapp.state._PUT": ("place", "1"),
    "flaskapp.streams._ADVANCE": (1, 0, _NOW, _STREAM),
    "flaskapp.streams._END": ("finished", None, _NOW, _STREAM),
    "flaskapp.streams._FIRST_LIVE": ("cdr",),
    "flaskapp.streams._GET": (_STREAM,),
    "flaskapp.streams._INSERT": (_STREAM, "cdr", "live", "{}", _NOW, _NOW),
    "flaskapp.streams._LIST": (5,),
    "flaskapp.streams._REACH": (1, _NOW, _STREAM),
    "mirror.sinks._MOVE": ("a>b", 3, 3),
    "mirror.sinks._READ": ("a>b",),
    "monitoring.records._DROP": (_NOW, "m"),
    "monitoring.records._DROP_OF_FIRST": (_NOW, "m"),
    "monitoring.records._INSERT": ("r", _NOW, _NOW, 1, "D", "ok", "{}", "m"),
    "flaskapp.cdr.repeats._STORED": (_DAY, _STREAM),
    "eda.source._SELECT": (_DAY, _DAY),
}  # fmt: skip


def constants() -> dict[str, str]:
    """Statements that are constants, by module and name."""
    found = {}
    for path in sources():
        text = path.read_text(encoding="utf-8")
        if _IS_SQL.search(text) or "flaskapp.outbox import" in text:  # whose `lines` writes SQL
            module = importlib.import_module(_module(path))
            for name, value in vars(module).items():
                if isinstance(value, str) and _IS_SQL.match(value):
                    found[f"{module.__name__}.{name}"] = value
    return found


def built() -> dict[str, int]:
    """How many statements the functions of each module build."""
    found = {_module(path): _built_in(path) for path in sources()}
    return {module: count for module, count in found.items() if count}


def migrated() -> list[str]:
    """Statements of the migrations."""
    return [text for one in migrations.find() for text in migrations.statements(one.text)]


def everything() -> list[str]:
    """Texts of all statements."""
    examples = [text for entries in BUILT.values() for text, _ in entries]
    return [*migrated(), *constants().values(), *examples]


def sources() -> list[Path]:
    """Modules that may speak to the database; those that speak to SQLite's files are left out."""
    found = (path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py")))
    return [path for path in found if "import sqlite3" not in path.read_text(encoding="utf-8")]


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _built_in(path: Path) -> int:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    inside = {node for function in functions for node in ast.walk(function)}
    docs = {
        function.body[0].value for function in functions if isinstance(function.body[0], ast.Expr)
    }
    parts = {part for node in inside if isinstance(node, ast.JoinedStr) for part in node.values}
    texts = (_text(node) for node in inside - docs - parts)
    return sum(bool(_IS_SQL.match(text)) for text in texts)


def _text(node: ast.AST) -> str:
    first: Any = node.values[0] if isinstance(node, ast.JoinedStr) and node.values else node
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""
