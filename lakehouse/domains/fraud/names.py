"""Names of the domain's topics, tables, queries and model."""

from __future__ import annotations

from lakehouse.names import QueryIdentity

NAME = "fraud"

TOPIC_EVENTS = "cc_events"
TOPIC_TRUTH = "cc_truth"
TOPIC_JOINED = "cc_prediction_truth_join"
TOPIC_CONTROL = "cc_control"
TOPIC_PREDICTIONS = "cc_predictions"

BRONZE_EVENTS = "bronze.cc_events"
BRONZE_TRUTH = "bronze.cc_truth"
QUARANTINE_EVENTS = "quarantine.cc_events"
QUARANTINE_TRUTH = "quarantine.cc_truth"
WAITING_TRUTH = "silver.cc_truth_waiting"
PREDICTIONS = "gold.cc_predictions"
JOINED = "gold.cc_prediction_truth"
DATASETS = "gold.cc_datasets"

MYSQL_PREDICTIONS = "cc_predictions"
MYSQL_JOINED = "cc_prediction_truth_join"

MODEL_NAME = "card_fraud"
EXPERIMENT = "card_fraud"

INGEST_EVENTS = QueryIdentity("fraud_ingest", BRONZE_EVENTS, 1)
INGEST_TRUTH = QueryIdentity("fraud_ingest", BRONZE_TRUTH, 1)
SCORE = QueryIdentity("fraud_score", PREDICTIONS, 1)
JOIN = QueryIdentity("fraud_join", JOINED, 1)
QUERIES = (INGEST_EVENTS, INGEST_TRUTH, SCORE, JOIN)
