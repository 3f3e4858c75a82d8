"""What the simulator remembers between processes: small named values in the database."""

from __future__ import annotations

import json
from typing import Any

from lakehouse import names

_GET = f"SELECT value FROM {names.MYSQL_STATE} WHERE name = %s"  # noqa: S608
_PUT = (
    f"INSERT INTO {names.MYSQL_STATE} (name, value) VALUES (%s, %s) "  # noqa: S608
    "ON DUPLICATE KEY UPDATE value = VALUES(value)"
)


def recall(cursor: Any, name: str) -> Any:
    """The value stored under `name`; None if there is none."""
    cursor.execute(_GET, (name,))
    row = cursor.fetchone()
    return None if row is None else json.loads(row[0])


def remember(cursor: Any, name: str, value: Any) -> None:
    """Store `value` (anything JSON can hold) under `name`."""
    cursor.execute(_PUT, (name, json.dumps(value)))
