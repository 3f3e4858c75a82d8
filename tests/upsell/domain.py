"""Tariff upsell on the call-detail records that the lake holds: what the domain declares.

The usage comes from the bronze table of another domain; only the answers to offers have a topic of
their own.
"""

from __future__ import annotations

from lakehouse.checks import At, Check, Distinct, Held, Keys, Messages
from lakehouse.contracts import Contract, Field, bronze, predictions, quarantine
from lakehouse.domain import Domain, Feed, Hop, Mirror, Outcomes, Scored, Station, Topic, Words
from lakehouse.domains.cdr import contracts as cdr
from lakehouse.names import QueryIdentity

TARIFF_UPSELL = "tariff_upsell"
FEATURES = ("megabytes", "minutes", "texts")
HOUR = Field("hour", "timestamp", "start of the hour, UTC")
MSISDN = Field("msisdn", "string", "subscriber number", pattern=cdr.MSISDN_PATTERN)
UPGRADED = Field("upgraded", "boolean", "whether an offer after this hour was taken")

OFFER = Contract(
    "tariff-offers",
    (Field("event_id", "string", "`<stream>:<sequence>`, unique"), MSISDN, HOUR, UPGRADED),
    key=("event_id",),
)
OFFERS = bronze("bronze.tariff_offers", OFFER, Field("day", "date", "calendar date of the hour"))
OFFERS_QUARANTINE = quarantine("quarantine.tariff_offers")
USAGE_BY_HOUR = Contract(
    "gold.usage_by_hour",
    (
        HOUR,
        MSISDN,
        Field("megabytes", "double", "data volume of the hour"),
        Field("minutes", "double", "outgoing and incoming calls of the hour"),
        Field("texts", "double", "texts sent and received in the hour"),
        Field("last_emitted_at", "timestamp", "latest event behind the row"),
    ),
    key=("msisdn", "hour"),
)
PREDICTIONS = predictions("gold.tariff_upsell", (HOUR, MSISDN), UPGRADED)

TRANSFORM = QueryIdentity("upsell_transform", USAGE_BY_HOUR.name, 1)
SCORE = QueryIdentity("upsell_score", PREDICTIONS.name, 1)
LABEL = QueryIdentity("upsell_label", PREDICTIONS.name, 1)

ANSWERS = Feed(
    identity=QueryIdentity("upsell_ingest", OFFERS.name, 1),
    topic=OFFER.name,
    message=OFFER,
    bronze=OFFERS,
    quarantine=OFFERS_QUARANTINE,
    event_time="hour",
    event_date="day",
    entity="msisdn",
    event_id="event_id",
)
UPSELL_SCORES = Scored(
    model=TARIFF_UPSELL,
    experiment="upsell",
    features=USAGE_BY_HOUR.name,
    table=PREDICTIONS,
    entity="msisdn",
    time="hour",
    score="probability_1",
    prediction="prediction",
    label="upgraded",
    outcomes=Outcomes(OFFERS, "msisdn", "hour", "upgraded", ("kafka_timestamp", "offset")),
    words=Words("Tariff upsell", "subscriber", "upgrades", "took a larger tariff"),
    chunk="2H",
)
MIRROR = Mirror(PREDICTIONS, "tariff_upsell", "tariff-upsell")
_KEYS = Distinct(PREDICTIONS.name, PREDICTIONS.key)
UPSELL = Domain(
    name="upsell",
    topics=(Topic(OFFER.name, partitions=1), Topic("tariff-upsell", partitions=1)),
    feeds=(ANSWERS,),
    tables=(OFFERS.name, OFFERS_QUARANTINE.name, USAGE_BY_HOUR.name, PREDICTIONS.name),
    scored=(UPSELL_SCORES,),
    mirrors=(MIRROR,),
    stations=(
        Station("events", "rows", "table", cdr.BRONZE_EVENTS.name),
        Station("hours", "rows", "table", USAGE_BY_HOUR.name),
        Station("answers", "messages", "topic", OFFER.name),
        Station("quarantine", "messages", "table", OFFERS_QUARANTINE.name, branch=True),
        Station("scored", "rows", "table", PREDICTIONS.name),
        Station("mirrored", "rows", "sql", "SELECT COUNT(*) FROM tariff_upsell"),
    ),
    checks=(
        Check("answers in Kafka = held", Messages(OFFER.name), Held(OFFER.name)),
        Check(
            "hours = scored",
            Distinct(USAGE_BY_HOUR.name, ("msisdn", "hour"), since="hour", model=TARIFF_UPSELL),
            _KEYS,
        ),
        Check("scored = mirrored", _KEYS, At("mirrored")),
        Check("scored = published", _KEYS, Keys("tariff-upsell")),
    ),
    hops=(
        Hop("hours", "Usage by hour", USAGE_BY_HOUR, "msisdn", "hour", ("hour",),
            (("hour", "hour"), ("megabytes", "MB"))),
    ),
    title="Tariff upsell",
    about="Usage of each hour, and who takes a larger tariff when it is offered.",
)  # fmt: skip
