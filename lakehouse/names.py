"""Names that every domain shares, and paths that are computed from names, never typed twice."""

from __future__ import annotations

from dataclasses import dataclass

PROGRESS = "ops.query_progress"
REPLAYS = "ops.quarantine_replays"
DATA_LOSS = "ops.data_loss"
MONITORING_RUNS = "ops.monitoring_runs"
STREAM_TICKS = "ops.stream_ticks"
FILE_CHECKSUMS = "ops.file_checksums"
OPS_TABLES = (PROGRESS, REPLAYS, DATA_LOSS, MONITORING_RUNS, STREAM_TICKS, FILE_CHECKSUMS)

MYSQL_OUTBOX = "Outbox"
MYSQL_STREAMS = "Streams"
MYSQL_STATE = "SimulatorState"
MYSQL_CURSORS = "MirrorCursors"
MYSQL_RUNS = "monitoring_runs"
MYSQL_MIGRATIONS = "schema_migrations"


@dataclass(frozen=True)
class QueryIdentity:
    """Identity of a streaming query; its checkpoint and its transaction id follow from it.

    A new key, window or state layout means `version` + 1, and therefore a new checkpoint.

    >>> QueryIdentity("ingest", "bronze.events", 1).name
    'ingest__bronze_events_v1'
    """

    job: str
    table: str
    version: int

    @property
    def name(self) -> str:
        """`<job>__<table>_v<N>`, with the dot of the table's name written as an underscore."""
        return f"{self.job}__{self.table.replace('.', '_')}_v{self.version}"

    def checkpoint(self, lake_uri: str) -> str:
        """Where the query keeps its progress."""
        return f"{lake_uri.rstrip('/')}/_checkpoints/{self.name}"


def ingest_command(query: str, option: str) -> str:
    """The command that reads the topics of a query's domain to their end.

    The name of a query begins with that of its job, and so with the name of its domain.

    >>> ingest_command("clicks_users__silver_users_v1", "--accept-loss")
    'cdrlake ingest --domain clicks --accept-loss'
    """
    return f"cdrlake ingest --domain {query.partition('_')[0]} {option}"


def table_uri(lake_uri: str, table: str) -> str:
    """Location of a Delta table.

    >>> table_uri("/data/lake/", "bronze.events")
    '/data/lake/bronze/events'
    """
    return f"{lake_uri.rstrip('/')}/{table.replace('.', '/', 1)}"
