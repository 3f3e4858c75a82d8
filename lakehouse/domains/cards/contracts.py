"""The contracts of card transactions: messages of both topics, tables, and the training format."""

from __future__ import annotations

from dataclasses import replace

from lakehouse.contracts import Contract, Field, bronze, predictions, quarantine
from lakehouse.domains.cards import features, names

# A card number is text: 19 digits do not fit the integers that a double holds exactly.
CARD = Field("cc_num", "string", "card number, as text", pattern=r"^[0-9]{8,19}$")
AT = Field("trans_date_trans_time", "timestamp", "moment of the transaction, UTC")
ID = Field("trans_num", "string", "unique id of the transaction", pattern=r"^[0-9A-Za-z_-]{1,64}$")
FRAUD = Field("is_fraud", "int", "1 for a fraud", nullable=True, minimum=0, maximum=1)
# Characters that the database's columns hold.
LONGEST, LONGEST_DECISION = 255, 16


def _text(name: str, doc: str, nullable: bool = True) -> Field:
    return Field(name, "string", doc, nullable=nullable, max_length=LONGEST)


def _degrees(name: str, doc: str, most: int) -> Field:
    return Field(name, "double", f"{doc}, degrees", nullable=True, minimum=-most, maximum=most)


# The 23 columns of the training file, in its order; the file leaves the first one without a name.
TRAINING = (
    Field("index", "long", "position in the source", nullable=True),
    AT,
    CARD,
    _text("merchant", "name of the merchant", nullable=False),
    _text("category", "what the merchant sells", nullable=False),
    Field("amt", "double", "amount of the transaction", minimum=0, maximum=10_000_000),
    _text("first", "first name of the cardholder"),
    _text("last", "last name of the cardholder"),
    _text("gender", "gender of the cardholder"),
    _text("street", "street of the cardholder"),
    _text("city", "city of the cardholder"),
    _text("state", "state of the cardholder"),
    _text("zip", "zip code of the cardholder"),
    _degrees("lat", "latitude of the cardholder's home", 90),
    _degrees("long", "longitude of the cardholder's home", 180),
    Field("city_pop", "long", "population of the city", nullable=True, minimum=0),
    _text("job", "job of the cardholder"),
    # Text: dates before 2000 are out of the bounds of a message's dates.
    Field(
        "dob",
        "string",
        "date of birth, YYYY-MM-DD",
        nullable=True,
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
        pattern_reason="bad_date",
    ),
    ID,
    Field("unix_time", "long", "the source's time, seconds", nullable=True),
    _degrees("merch_lat", "latitude of the merchant", 90),
    _degrees("merch_long", "longitude of the merchant", 180),
    FRAUD,
)
TRANSACTION = Contract(names.TOPIC_TRANSACTIONS, TRAINING, key=("trans_num",))
# The 22 named columns: what the database keeps and `validated.csv` has.
COLUMNS = TRANSACTION.names[1:]

DECISION = Contract(
    names.TOPIC_DECISIONS,
    (
        *TRAINING[:-1],
        replace(FRAUD, doc="the prediction: 1 when the score reaches the threshold"),
        Field("source_is_fraud", "int", "`is_fraud` as the source had it", nullable=True),
        Field("score", "double", "probability of fraud", minimum=0, maximum=1),
        Field("decision", "string", "approve, review or block", max_length=LONGEST_DECISION),
        Field("expected_loss", "double", "score times amount"),
        Field("model_version", "int", "version in the registry", minimum=1),
        Field("predicted_at", "timestamp", "moment of the decision, UTC"),
        Field("features", "doubles", "the card's features, in the order of the gold table"),
    ),
    key=("trans_num",),
)
OUTCOME = Contract(
    names.TOPIC_OUTCOMES,
    (
        ID,
        AT,
        replace(FRAUD, name="fraud_confirmed", nullable=False, doc="1 confirmed, 0 rejected"),
        Field("known_at", "timestamp", "moment of the confirmation, UTC"),
        Field(
            "chance",
            "double",
            "how likely the plan was to choose it, 1 if somebody looked of their own accord",
            nullable=True,
            minimum=0,
            maximum=1,
        ),
    ),
    key=("trans_num",),
)

_DAY = Field("event_date", "date", "calendar date of the transaction")
BRONZE_TRANSACTIONS = bronze(names.BRONZE_TRANSACTIONS, TRANSACTION, _DAY)
BRONZE_DECISIONS = bronze(names.BRONZE_DECISIONS, DECISION, _DAY)
BRONZE_OUTCOMES = bronze(names.BRONZE_OUTCOMES, OUTCOME)
QUARANTINE_TRANSACTIONS = quarantine(names.QUARANTINE_TRANSACTIONS)
QUARANTINE_DECISIONS = quarantine(names.QUARANTINE_DECISIONS)
QUARANTINE_OUTCOMES = quarantine(names.QUARANTINE_OUTCOMES)

GOLD_FEATURES = Contract(
    names.GOLD_FEATURES,
    (
        replace(ID, pattern=None),
        replace(CARD, pattern=None),
        AT,
        *(Field(one.name, "double", one.doc) for one in features.FEATURES),
        Field("topic_partition", "int", "partition of the transaction in its topic"),
        Field("topic_offset", "long", "offset of the transaction in its topic"),
    ),
    key=("trans_num",),
    statistics=("trans_date_trans_time",),
)
PREDICTIONS = predictions(
    names.PREDICTIONS,
    (AT, replace(ID, pattern=None)),
    Field("fraud_confirmed", "int", "1 confirmed fraud, 0 confirmed genuine"),
)
