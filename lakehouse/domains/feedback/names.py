"""Names of the domain's topics, tables and queries."""

from __future__ import annotations

from lakehouse.names import QueryIdentity

NAME = "feedback"
# As `serving/rest/log.py` writes them.
TOPIC_PREDICTIONS, TOPIC_TRUTHS = "served-predictions", "served-truths"
BRONZE_PREDICTIONS, BRONZE_TRUTHS = "bronze.served_predictions", "bronze.served_truths"
QUARANTINE_PREDICTIONS = "quarantine.served_predictions"
QUARANTINE_TRUTHS = "quarantine.served_truths"
PREDICTIONS = "gold.served_predictions"
INGEST_PREDICTIONS = QueryIdentity("feedback_ingest", BRONZE_PREDICTIONS, 1)
INGEST_TRUTHS = QueryIdentity("feedback_ingest", BRONZE_TRUTHS, 1)
JOIN = QueryIdentity("feedback_join", PREDICTIONS, 1)
QUERIES = (INGEST_PREDICTIONS, INGEST_TRUTHS, JOIN)
