"""The domain as one value: what the shared modules work from."""

from __future__ import annotations

from lakehouse.checks import Check, Distinct, Held, Messages, accepted_losses
from lakehouse.domain import Domain, Feed, Hop, Outcomes, Scored, Station, Topic, Words
from lakehouse.domains.segments import contracts, names
from lakehouse.services import Page, Service

PURCHASES = Feed(
    identity=names.INGEST,
    topic=names.TOPIC_PURCHASES,
    message=contracts.PURCHASE,
    bronze=contracts.BRONZE_PURCHASES,
    quarantine=contracts.QUARANTINE_PURCHASES,
    entity="card",
    event_id="event_id",
)
_OUTCOMES = Outcomes(
    contracts.GOLD_OUTCOMES,
    entity="card",
    time="as_of",
    label="bought",
    order=("known_on", "batch_id"),
)
WILL_SPEND = Scored(
    model=names.WILL_SPEND,
    experiment=names.EXPERIMENT,
    features=names.GOLD_HISTORY,
    table=contracts.WILL_SPEND,
    entity="card",
    time="as_of",
    score="probability_1",
    prediction="prediction",
    label="bought",
    outcomes=_OUTCOMES,
    words=Words("Next purchase", "card", "buyers", "bought within 7 days"),
    chunk="W",
)
REQUEST = Scored(
    model=names.REQUEST,
    experiment=names.EXPERIMENT,
    features=names.GOLD_HISTORY,
    table=contracts.REQUEST,
    entity="card",
    time="as_of",
    score="probability_1",
    prediction="prediction",
    label="bought",
    outcomes=_OUTCOMES,
    words=Words("Next purchase, from three numbers", "card", "buyers", "bought within 7 days"),
    chunk="W",
)
TYPES = Scored(
    model=names.TYPES,
    experiment=names.EXPERIMENT,
    features=names.GOLD_HISTORY,
    table=contracts.GOLD_SEGMENTS,
    entity="card",
    time="as_of",
    score="clearness",
    prediction="type",
    label="segment",
    outcomes=None,
    words=Words("Types of cards", "card", "cards", "changed its type"),
    chunk="W",
    is_watched=False,
)

_KEY = ("card", "as_of")


def _since(model: str) -> Distinct:
    """The rows of history from the day on at which a model began to score."""
    return Distinct(names.GOLD_HISTORY, _KEY, since="as_of", model=model)


STATIONS = (
    Station("kafka", "messages", "topic", names.TOPIC_PURCHASES, taken_by=("bronze", "quarantine")),
    Station("bronze", "rows", "table", names.BRONZE_PURCHASES),
    Station("quarantine", "messages", "table", names.QUARANTINE_PURCHASES, branch=True),
    Station("history", "rows", "table", names.GOLD_HISTORY, "Card history"),
    Station("scored", "rows", "table", names.WILL_SPEND_TABLE),
    Station("segments", "rows", "table", names.GOLD_SEGMENTS),
    Station("outcomes", "rows", "table", names.GOLD_OUTCOMES),
)
CHECKS = (
    Check(
        "in Kafka = bronze + quarantined",
        Messages(names.TOPIC_PURCHASES),
        Held(names.TOPIC_PURCHASES),
        (accepted_losses(names.TOPIC_PURCHASES),),
    ),
    Check(
        "history = scored",
        _since(names.WILL_SPEND),
        Distinct(names.WILL_SPEND_TABLE, _KEY, since="as_of", model=names.WILL_SPEND),
    ),
    Check(
        "history = scored as requests are",
        _since(names.REQUEST),
        Distinct(names.REQUEST_TABLE, _KEY, since="as_of", model=names.REQUEST),
    ),
    Check("history = in a segment", _since(names.TYPES), Distinct(names.GOLD_SEGMENTS, _KEY)),
)
SEGMENTS = Domain(
    name=names.NAME,
    title="Segments and the next purchase",
    about="How does a card buy, and does it buy within k days?",
    topics=(Topic(names.TOPIC_PURCHASES),),
    feeds=(PURCHASES,),
    tables=tuple(one.name for one in contracts.TABLES),
    scored=(WILL_SPEND, REQUEST, TYPES),
    stations=STATIONS,
    checks=CHECKS,
    hops=(
        Hop(
            "history",
            "Card history",
            contracts.GOLD_HISTORY,
            "card",
            "as_of",
            ("as_of",),
            (("as_of", "as of"), ("n", "purchases"), ("recency", "quiet days")),
        ),
    ),
    pages=(Page("Segments", "monitoring.port", "segments/"),),
    services=(Service("segments-pipeline", "pyspark_jobs.jobs.segments_pipeline", job=True),),
)
