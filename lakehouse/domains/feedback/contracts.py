"""The two messages of the prediction log, and the table that joins them."""

from __future__ import annotations

from lakehouse.contracts import Contract, Field, bronze, quarantine
from lakehouse.domains.feedback import names

EVENT_ID = Field("event_id", "string", "`<request_id>:<record>`")
_REQUEST = (
    EVENT_ID,
    Field("request_id", "string", "id of the request"),
    Field("record", "int", "place of the record in the request, from 0", minimum=0),
)
_SHADOW = (
    Field("shadow_version", "int", "version that scored beside the champion", nullable=True),
    Field("shadow_probability", "double", "its probability", nullable=True),
)
PREDICTION = Contract(
    names.TOPIC_PREDICTIONS,
    (
        *_REQUEST,
        Field("served_at", "timestamp", "moment of the answer, UTC"),
        Field("model", "string", "name of the model"),
        Field("version", "int", "version that answered", minimum=1),
        Field("probability", "double", "probability of the positive class", minimum=0, maximum=1),
        Field("prediction", "int", "1 when the probability reaches the threshold"),
        Field("entity", "string", "key that the caller gave", nullable=True),
        *_SHADOW,
    ),
    key=(EVENT_ID.name,),
)
TRUTH = Contract(
    names.TOPIC_TRUTHS,
    (
        *_REQUEST,
        Field("truth", "int", "what turned out to be true, 0 or 1", minimum=0, maximum=1),
        Field("known_at", "timestamp", "moment of the feedback, UTC"),
    ),
    key=(EVENT_ID.name,),
)
# The features differ from model to model: bronze keeps them in `extras`, as they came.
BRONZE_PREDICTIONS = bronze(
    names.BRONZE_PREDICTIONS, PREDICTION, Field("served_date", "date", "date of the answer")
)
BRONZE_TRUTHS = bronze(
    names.BRONZE_TRUTHS, TRUTH, Field("known_date", "date", "date of the feedback")
)
QUARANTINE_PREDICTIONS = quarantine(names.QUARANTINE_PREDICTIONS)
QUARANTINE_TRUTHS = quarantine(names.QUARANTINE_TRUTHS)
PREDICTIONS = Contract(
    names.PREDICTIONS,
    (
        *PREDICTION.fields[:5],
        Field("model_version", "int", "version that answered"),
        *PREDICTION.fields[6:],
        Field("feature_names", "string", "the features, in order of name, comma-separated"),
        Field("features", "doubles", "their values, in that order"),
        Field("truth", "int", "what turned out to be true; null until known", nullable=True),
        Field("known_at", "timestamp", "since when the truth is known", nullable=True),
    ),
    key=(EVENT_ID.name,),
    statistics=("served_at",),
)
