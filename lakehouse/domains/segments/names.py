"""Names of the domain's topic, tables, queries and models."""

from __future__ import annotations

from lakehouse.names import QueryIdentity

NAME = "segments"
TOPIC_PURCHASES = "purchases"
BRONZE_PURCHASES = "bronze.purchases"
QUARANTINE_PURCHASES = "quarantine.purchases"
GOLD_HISTORY = "gold.card_history"
GOLD_OUTCOMES = "gold.purchase_outcomes"
WILL_SPEND_TABLE = "gold.will_spend"
REQUEST_TABLE = "gold.will_spend_request"
GOLD_SEGMENTS = "gold.card_segments"

TYPES, WILL_SPEND, REQUEST = "card_types", "will_spend", "will_spend_request"
MODELS = (TYPES, WILL_SPEND, REQUEST)
EXPERIMENT = "segments"

INGEST = QueryIdentity("segments_ingest", BRONZE_PURCHASES, 1)
TRANSFORM = QueryIdentity("segments_transform", GOLD_HISTORY, 1)
ASSIGN = QueryIdentity("segments_assign", GOLD_SEGMENTS, 1)
SCORE = QueryIdentity("segments_score", WILL_SPEND_TABLE, 1)
OUTCOMES_JOIN = QueryIdentity("segments_outcomes", WILL_SPEND_TABLE, 1)
SCORE_REQUEST = QueryIdentity("segments_score", REQUEST_TABLE, 1)
OUTCOMES_REQUEST = QueryIdentity("segments_outcomes", REQUEST_TABLE, 1)
QUERIES = (
    INGEST,
    TRANSFORM,
    ASSIGN,
    SCORE,
    OUTCOMES_JOIN,
    SCORE_REQUEST,
    OUTCOMES_REQUEST,
)
