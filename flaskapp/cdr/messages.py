"""The domain's messages, written by the server from usage and outcomes."""

from __future__ import annotations

from flaskapp.outbox import MessageKind, json_moment, json_object, json_text, lines
from lakehouse.domains.cdr import names
from lakehouse.domains.cdr.contracts import LABEL, MEASURE_NAMES

KEY = "DP_MSISDN"
EVENT, OUTCOME = "event", "outcome"
_EVENTS_JSON = json_object(
    [
        (KEY, json_text(KEY)),
        ("id", "id"),
        ("DP_DATE", json_moment("DP_DATE")),
        *((name, name) for name in MEASURE_NAMES),
        ("event_id", json_text("stream_id", "':'", "sequence")),
        ("emitted_at", json_moment("emitted_at")),
    ]
)
_OUTCOMES_JSON = json_object(
    [
        (KEY, json_text(KEY)),
        ("date", json_text("Date")),
        (LABEL, LABEL),
        ("known_at", json_text("known_at")),
    ]
)
_EVENTS = lines(_EVENTS_JSON, names.MYSQL_RAW)
_OUTCOMES = lines(_OUTCOMES_JSON, names.MYSQL_OUTCOMES)
KINDS = {
    EVENT: MessageKind(names.TOPIC_EVENTS, KEY, _EVENTS),
    OUTCOME: MessageKind(names.TOPIC_OUTCOMES, KEY, _OUTCOMES),
}
