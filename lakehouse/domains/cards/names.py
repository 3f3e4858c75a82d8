"""Names of the domain's topics, tables, queries and model."""

from __future__ import annotations

from lakehouse.names import QueryIdentity

NAME = "cards"

TOPIC_TRANSACTIONS = "topic_1"
TOPIC_DECISIONS = "topic_2"
TOPIC_REFUSED = "topic_1_quarantine"
TOPIC_OUTCOMES = "card_outcomes"
TOPIC_ALARMS = "card_alarms"
TOPICS = (TOPIC_TRANSACTIONS, TOPIC_DECISIONS, TOPIC_REFUSED, TOPIC_OUTCOMES, TOPIC_ALARMS)
PARTITIONS = 6

BRONZE_TRANSACTIONS = "bronze.card_transactions"
BRONZE_DECISIONS = "bronze.card_decisions"
BRONZE_OUTCOMES = "bronze.card_outcomes"
QUARANTINE_TRANSACTIONS = "quarantine.card_transactions"
QUARANTINE_DECISIONS = "quarantine.card_decisions"
QUARANTINE_OUTCOMES = "quarantine.card_outcomes"
GOLD_FEATURES = "gold.card_features"
PREDICTIONS = "gold.card_predictions"

MYSQL_TABLE = "fraud_detection_2_table"

MODEL_NAME = "random_forest"
EXPERIMENT = "card_fraud"

GROUP_DOOR = "cards-door"
GROUP_RECORD = "cards-record"
GROUP_ALARMS = "cards-alarms"

INGEST_TRANSACTIONS = QueryIdentity("cards_ingest", BRONZE_TRANSACTIONS, 1)
INGEST_DECISIONS = QueryIdentity("cards_ingest", BRONZE_DECISIONS, 1)
INGEST_OUTCOMES = QueryIdentity("cards_ingest", BRONZE_OUTCOMES, 1)
TRANSFORM = QueryIdentity("cards_transform", GOLD_FEATURES, 1)
SCORE = QueryIdentity("cards_score", PREDICTIONS, 1)
OUTCOMES_JOIN = QueryIdentity("cards_outcomes", PREDICTIONS, 1)
QUERIES = (
    INGEST_TRANSACTIONS,
    INGEST_DECISIONS,
    INGEST_OUTCOMES,
    TRANSFORM,
    SCORE,
    OUTCOMES_JOIN,
)
