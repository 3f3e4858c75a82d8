"""Names of topics, tables and queries. A name's location is computed from it, never typed twice."""

from __future__ import annotations

from dataclasses import dataclass

TOPIC_EVENTS = "cdr-events"
TOPIC_OUTCOMES = "cdr-outcomes"
TOPIC_PREDICTIONS = "cdr-predictions"
TOPICS = (TOPIC_EVENTS, TOPIC_OUTCOMES, TOPIC_PREDICTIONS)

BRONZE_EVENTS = "bronze.cdr_events"
BRONZE_OUTCOMES = "bronze.cdr_outcomes"
QUARANTINE_EVENTS = "quarantine.cdr_events"
QUARANTINE_OUTCOMES = "quarantine.cdr_outcomes"
SILVER_DAILY = "silver.cdr_daily"
GOLD_FEATURES = "gold.cdr_features"
PREDICTIONS = "gold.model_predictions"
PROGRESS = "ops.query_progress"
PROCESSED = "gold.processed_data"
REPLAYS = "ops.quarantine_replays"
DATA_LOSS = "ops.data_loss"
MONITORING_RUNS = "ops.monitoring_runs"

TABLES = (
    BRONZE_EVENTS,
    BRONZE_OUTCOMES,
    QUARANTINE_EVENTS,
    QUARANTINE_OUTCOMES,
    SILVER_DAILY,
    GOLD_FEATURES,
    PREDICTIONS,
    PROCESSED,
    PROGRESS,
    REPLAYS,
    DATA_LOSS,
    MONITORING_RUNS,
)

MYSQL_RAW = "DP_CDR_Data"
MYSQL_OUTCOMES = "CDR_Outcomes"
MYSQL_OUTBOX = "Outbox"
MYSQL_STREAMS = "Streams"
MYSQL_STATE = "SimulatorState"
MYSQL_SUBSCRIBERS = "Subscribers"
MYSQL_BLOCKS = "DailyBlocks"
MYSQL_SUMMARY = "DailySummary"
MYSQL_PROCESSED = "Processed_Data"
MYSQL_PREDICTIONS = "model_predictions"
MYSQL_CURSORS = "MirrorCursors"
MYSQL_RUNS = "monitoring_runs"
MYSQL_MIGRATIONS = "schema_migrations"

MODEL_NAME = "customer_churn_random_forest"
EXPERIMENT = "customer_churn"


@dataclass(frozen=True)
class QueryIdentity:
    """Identity of a streaming query; its checkpoint and its transaction id follow from it.

    A new key, window or state layout means `version` + 1, and thereby a new checkpoint.

    >>> QueryIdentity("cdr_ingest", "bronze.cdr_events", 1).name
    'cdr_ingest__bronze_cdr_events_v1'
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


INGEST_EVENTS = QueryIdentity("cdr_ingest", BRONZE_EVENTS, 1)
INGEST_OUTCOMES = QueryIdentity("cdr_ingest", BRONZE_OUTCOMES, 1)
TRANSFORM = QueryIdentity("cdr_transform", GOLD_FEATURES, 1)
SCORE = QueryIdentity("cdr_score", PREDICTIONS, 1)
OUTCOMES_JOIN = QueryIdentity("cdr_outcomes", PREDICTIONS, 1)
QUERIES = (INGEST_EVENTS, INGEST_OUTCOMES, TRANSFORM, SCORE, OUTCOMES_JOIN)


def table_uri(lake_uri: str, table: str) -> str:
    """Location of a Delta table.

    >>> table_uri("/data/lake/", "bronze.cdr_events")
    '/data/lake/bronze/cdr_events'
    """
    return f"{lake_uri.rstrip('/')}/{table.replace('.', '/', 1)}"
