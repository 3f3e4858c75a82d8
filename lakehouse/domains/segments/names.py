"""Names of the domain's topic, tables and query."""

from __future__ import annotations

from lakehouse.names import QueryIdentity

NAME = "segments"
TOPIC_PURCHASES = "purchases"
BRONZE_PURCHASES = "bronze.purchases"
QUARANTINE_PURCHASES = "quarantine.purchases"
INGEST = QueryIdentity("segments_ingest", BRONZE_PURCHASES, 1)
QUERIES = (INGEST,)
