"""Where the domain's rows are counted, in the order of the flow."""

from __future__ import annotations

from lakehouse.domain import Station
from lakehouse.domains.cdr import names
from lakehouse.names import MYSQL_OUTBOX, MYSQL_STREAMS

_SENT = (
    "SELECT COALESCE(SUM(sent_rows), 0) "  # noqa: S608
    f"FROM {MYSQL_STREAMS} WHERE domain = '{names.NAME}'"
)
_STORED = f"SELECT COUNT(*) FROM {names.MYSQL_RAW}"  # noqa: S608
_WAITING = (
    "SELECT COALESCE(SUM(last_sequence - first_sequence + 1), 0) "  # noqa: S608
    f"FROM {MYSQL_OUTBOX}"
)
_MIRRORED = f"SELECT COUNT(*) FROM {names.MYSQL_PREDICTIONS}"  # noqa: S608

STATIONS = (
    Station("sent", "rows", "sql", _SENT, "Simulator"),
    Station("mysql", "rows", "sql", _STORED, "MySQL"),
    Station("outbox", "rows", "sql", _WAITING, branch=True),
    Station("kafka", "messages", "topic", names.TOPIC_EVENTS, taken_by=("bronze", "quarantine")),
    Station("bronze", "rows", "table", names.BRONZE_EVENTS),
    Station("quarantine", "messages", "table", names.QUARANTINE_EVENTS, branch=True),
    Station("silver", "subscriber-days", "table", names.SILVER_DAILY),
    Station("gold", "subscriber-days", "table", names.GOLD_FEATURES),
    Station("predictions", "rows", "table", names.PREDICTIONS),
    Station("outcomes", "rows", "table", names.BRONZE_OUTCOMES, branch=True),
    Station("mysql predictions", "rows", "sql", _MIRRORED, "In MySQL"),
    Station("kafka predictions", "messages", "topic", names.TOPIC_PREDICTIONS, "On Kafka", True),
)
