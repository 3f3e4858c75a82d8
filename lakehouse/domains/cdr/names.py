"""Names of the domain's topics, tables, queries and model."""

from __future__ import annotations

from lakehouse.names import QueryIdentity

NAME = "cdr"

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
FEATURE_CHANGES = "gold.cdr_feature_changes"
PREDICTIONS = "gold.model_predictions"
PROCESSED = "gold.processed_data"

MYSQL_RAW = "DP_CDR_Data"
MYSQL_OUTCOMES = "CDR_Outcomes"
MYSQL_SUBSCRIBERS = "Subscribers"
MYSQL_BLOCKS = "DailyBlocks"
MYSQL_SUMMARY = "DailySummary"
MYSQL_PROCESSED = "Processed_Data"
MYSQL_PREDICTIONS = "model_predictions"

MODEL_NAME = "customer_churn_random_forest"
EXPERIMENT = "customer_churn"

INGEST_EVENTS = QueryIdentity("cdr_ingest", BRONZE_EVENTS, 1)
INGEST_OUTCOMES = QueryIdentity("cdr_ingest", BRONZE_OUTCOMES, 1)
TRANSFORM = QueryIdentity("cdr_transform", GOLD_FEATURES, 2)
SCORE = QueryIdentity("cdr_score", PREDICTIONS, 2)
OUTCOMES_JOIN = QueryIdentity("cdr_outcomes", PREDICTIONS, 2)
QUERIES = (INGEST_EVENTS, INGEST_OUTCOMES, TRANSFORM, SCORE, OUTCOMES_JOIN)
