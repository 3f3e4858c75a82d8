"""The fields of every topic and table of the clicks domain."""

from __future__ import annotations

from lakehouse.contracts import Contract, Field, bronze, quarantine
from lakehouse.domains.clicks import names

PAGES = ("main_page", "products_listing", "product_page", "product_gallery")
COUNTRIES = ("PL", "FR", "DE", "DK", "ES")
PLATFORMS = ("Windows", "Android", "iOS", "Linux")
VIEWS = ("main_page_views", "listing_views", "product_views", "gallery_views")
# What the model is asked by, in the order of the arrays that SQL gives to `predict`.
FEATURES = (
    *(f"country={country}" for country in COUNTRIES),
    *(f"platform={platform}" for platform in PLATFORMS),
    *VIEWS,
    "nb_orders",
)

_USER = Field("user_id", "string", "who clicked; the key of the message")
_ID = Field("id", "int", "number of the user in the database", minimum=0)
_TRAITS = (
    Field("name", "string", "name of the user", nullable=True),
    Field("platform", "string", "operating system", nullable=True),
    Field("country", "string", "country code, two letters", nullable=True),
    Field("ip_address", "string", "address that the user registered from", nullable=True),
    Field("nb_orders", "int", "orders so far", nullable=True),
)

CLICK = Contract(
    names.TOPIC_EVENTS,
    (
        _USER,
        Field("ts", "timestamp", "moment of the click, UTC"),
        Field(
            "event",
            "string",
            f"page: {', '.join(PAGES)}",
            pattern=f"^({'|'.join(PAGES)})$",
            pattern_reason="unknown_page",
        ),
    ),
    key=("user_id", "ts", "event"),
)
BRONZE_EVENTS = bronze(
    names.BRONZE_EVENTS, CLICK, Field("event_date", "date", "calendar date of the click")
)
QUARANTINE_EVENTS = quarantine(names.QUARANTINE_EVENTS)

QUARANTINE_USERS = quarantine(names.QUARANTINE_USERS)

USERS = Contract(
    names.USERS,
    (
        _ID,
        *_TRAITS,
        Field("position", "long", "offset of the change that the row comes from"),
        Field("partition", "int", "Kafka partition of that change"),
    ),
    key=("id",),
)

RESULTS = Contract(
    names.RESULTS,
    (
        _USER,
        Field("ip_address", "string", "address of a known user", nullable=True),
        Field("window_start", "timestamp", "start of the window, UTC"),
        Field("window_end", "timestamp", "end of the window, UTC"),
        Field("first_event", "timestamp", "first click in the window"),
        Field("last_event", "timestamp", "last click in the window"),
        *(Field(views, "int", f"{views.replace('_', ' ')} in the window") for views in VIEWS),
        Field("country", "string", "country of a known user", nullable=True),
        Field("platform", "string", "platform of a known user", nullable=True),
        Field("nb_orders", "int", "orders so far, 0 for a stranger"),
        Field("is_known_user", "boolean", "whether the table of users had the user"),
        Field("user_version", "long", "`position` of the user's row", nullable=True),
        Field("prediction", "string", "bot or user", nullable=True),
        Field("probability", "double", "probability of a bot", nullable=True),
        Field("model_version", "int", "version in the registry", nullable=True),
        Field("error", "string", "why there is no prediction", nullable=True),
        Field("batch_id", "long", "micro-batch that wrote the row"),
    ),
    key=("user_id", "window_start"),
)
