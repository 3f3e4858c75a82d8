"""Values of every kind that a contract knows arrive in MySQL and in messages as they were."""

from __future__ import annotations

import base64
import json
from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pytest

from lakehouse import mysql
from lakehouse.contracts import Contract, Field
from lakehouse.domain import Mirror
from lakehouse.domains.settings import Settings
from lakehouse.kinds import KINDS, polars_schema
from mirror.messages import messages
from mirror.sinks import MysqlSink

pytestmark = pytest.mark.integration

MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
ALL_KINDS = Contract(
    "gold.all_kinds",
    tuple(Field(f"a_{kind}", kind, "", nullable=kind != "string") for kind in KINDS),
    key=("a_string",),
)
ODD = "line\u2028break \x85 'quoted' 你好"
VALUES = {
    "string": ODD,
    "int": -(2**31),
    "long": 2**63 - 1,
    "decimal": Decimal("123456789012345.678"),
    "double": 0.1 + 0.2,
    "boolean": True,
    "date": date(9999, 12, 31),
    "timestamp": MOMENT,
    "binary": b"\x00\xff",
    "longs": [1, 2**63 - 1],
    "doubles": [0.5],
    "strings": ["a", ODD],
}


def of_all_kinds(**other: object) -> pl.DataFrame:
    row = {f"a_{kind}": value for kind, value in (VALUES | other).items()}
    return pl.DataFrame([row], schema=polars_schema(ALL_KINDS))


def test_every_kind_arrives_in_mysql_as_it_was(database: Settings) -> None:
    mirror = Mirror(ALL_KINDS, "AllKinds")
    columns = ", ".join(
        f"`{field.name}` {KINDS[field.kind].mysql}" + (" PRIMARY KEY" if not at else "")
        for at, field in enumerate(ALL_KINDS.fields)
    )
    nothing = dict.fromkeys(VALUES) | {"string": "nothing"}
    with mysql.connect(database.mysql, admin=True) as connection, connection.cursor() as cursor:
        cursor.execute(f"USE {database.mysql.database}")
        cursor.execute(f"CREATE OR REPLACE TABLE {mirror.mysql_table} ({columns})")
        sink = MysqlSink(connection)
        rows = [of_all_kinds(), of_all_kinds(string="nan", double=float("nan"))]
        sink.put(mirror, pl.concat([*rows, of_all_kinds(**nothing)]))
        sink.put(mirror, rows[0])
        cursor.execute(f"SELECT * FROM {mirror.mysql_table} ORDER BY a_double DESC, a_int")
        found = [dict(zip(VALUES, row, strict=True)) for row in cursor.fetchall()]
        cursor.execute(f"DROP TABLE {mirror.mysql_table}")
    first = found[0]
    lists = {name: json.loads(first.pop(name)) for name in ("longs", "doubles", "strings")}
    assert first | lists == VALUES | {"timestamp": MOMENT.replace(tzinfo=None)}
    assert found[1] == nothing
    assert (found[2]["string"], found[2]["double"]) == ("nan", None)


def test_every_kind_has_a_form_in_a_message() -> None:
    rows = pl.concat([of_all_kinds(), of_all_kinds(string="n", double=float("nan"), decimal=None)])
    (key, full), (_, empty) = messages(ALL_KINDS, rows)
    assert key == ODD
    found = json.loads(full, parse_float=Decimal)
    assert found["a_decimal"] == VALUES["decimal"]
    assert base64.b64decode(found["a_binary"]) == VALUES["binary"]
    assert (found["a_string"], found["a_longs"]) == (ODD, VALUES["longs"])
    assert datetime.fromisoformat(found["a_timestamp"]) == MOMENT
    assert json.loads(empty)["a_double"] is json.loads(empty)["a_decimal"] is None
