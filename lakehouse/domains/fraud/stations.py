"""Where the domain's rows are counted, in the order of the flow."""

from __future__ import annotations

from lakehouse.domain import Station
from lakehouse.domains.fraud import names
from lakehouse.names import MYSQL_STREAMS

_SENT = (
    "SELECT COALESCE(SUM(sent_rows), 0) "  # noqa: S608
    f"FROM {MYSQL_STREAMS} WHERE domain = '{names.NAME}'"
)
_MIRRORED = f"SELECT COUNT(*) FROM {names.MYSQL_PREDICTIONS}"  # noqa: S608
_JOINED = f"SELECT COUNT(*) FROM {names.MYSQL_JOINED}"  # noqa: S608

STATIONS = (
    Station("sent", "events", "sql", _SENT),
    Station("kafka", "messages", "topic", names.TOPIC_EVENTS),
    Station("bronze", "events", "table", names.BRONZE_EVENTS),
    Station(
        "quarantine", "messages", "table", names.QUARANTINE_EVENTS, title="Quarantined", branch=True
    ),
    Station("predictions", "events", "table", names.PREDICTIONS),
    Station("mysql predictions", "events", "sql", _MIRRORED, title="In MySQL", branch=True),
    Station(
        "kafka predictions",
        "messages",
        "topic",
        names.TOPIC_PREDICTIONS,
        title="Published",
        branch=True,
    ),
    Station("kafka truth", "messages", "topic", names.TOPIC_TRUTH, title="Truth in Kafka"),
    Station("truth", "messages", "table", names.BRONZE_TRUTH),
    Station(
        "truth refused", "messages", "table", names.QUARANTINE_TRUTH, title="Refused", branch=True
    ),
    Station("truth waiting", "events", "table", names.WAITING_TRUTH, title="Waiting", branch=True),
    Station("joined", "events", "table", names.JOINED),
    Station("mysql joined", "events", "sql", _JOINED, title="In MySQL", branch=True),
    Station(
        "kafka joined", "messages", "topic", names.TOPIC_JOINED, title="Published", branch=True
    ),
)
