"""Names of the domain's topics, tables, queries and model."""

from __future__ import annotations

from lakehouse.names import QueryIdentity

NAME = "clicks"

MYSQL_DATABASE = "demo"
MYSQL_USERS = f"{MYSQL_DATABASE}.users"

TOPIC_EVENTS = "events"
TOPIC_USERS = "mysql.demo.users"
TOPIC_RESULTS = "bot_detection_results"

BRONZE_EVENTS = "bronze.click_events"
QUARANTINE_EVENTS = "quarantine.click_events"
QUARANTINE_USERS = "quarantine.click_user_changes"
USERS = "silver.users"
RESULTS = "gold.bot_detection_results"

MODEL_NAME = "Bot Detector"
EXPERIMENT = "bot_detection"
LABELS = ("user", "bot")

INGEST_EVENTS = QueryIdentity("clicks_ingest", BRONZE_EVENTS, 1)
USERS_TABLE = QueryIdentity("clicks_users", USERS, 1)
QUERIES = (INGEST_EVENTS, USERS_TABLE)
