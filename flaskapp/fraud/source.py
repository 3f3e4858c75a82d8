"""The domain as the simulator sees it: what its streams accept, send and show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response

from flaskapp.fraud import request as requests
from flaskapp.fraud import sending
from flaskapp.fraud.laws import TEXTS
from flaskapp.fraud.request import FraudRequest
from flaskapp.fraud.sending import FraudContext
from flaskapp.outbox import MessageKind
from flaskapp.stream_source import Column, Newest, Plan, SourcePage, StreamContext, Wait
from flaskapp.streams import Stream
from lakehouse import mysql
from lakehouse.clock import Clock
from lakehouse.domains.fraud import FRAUD
from lakehouse.domains.fraud.names import MYSQL_PREDICTIONS, NAME
from lakehouse.domains.settings import Settings
from lakehouse.http.operations import Operation, as_json, operation
from lakehouse.publisher import Publisher

PAGE = SourcePage(
    heading="Card payments, on their way to a prediction",
    rows="/fraud/predictions",
    columns=(
        Column("Time, UTC", ("ingest_ts",), "time"),
        Column("Account", ("account_number",), "text"),
        Column("Score", ("score",)),
        Column("Probability", ("probability",), "share"),
        Column("Alert", ("decision",)),
        Column("Version", ("model_version",)),
    ),
    plans=tuple(Plan(name, *told) for name, told in sorted(TEXTS.items())),
)
_NEWEST = (
    "SELECT message_id, account_number, ingest_ts, score, probability, decision, model_version, "  # noqa: S608
    f"Class FROM {MYSQL_PREDICTIONS} ORDER BY ingest_ts DESC LIMIT %s"
)


class FraudSource:
    """The streams of the domain: the rows of a file or of a world, and their truth, later."""

    domain = NAME
    declared = FRAUD
    request = FraudRequest
    # Events go straight to Kafka: the outbox has no entries of this domain.
    messages: Mapping[str, MessageKind] = {}
    page = PAGE

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock

    def begin(self, context: StreamContext, request: FraudRequest) -> dict[str, Any]:
        """The values to keep with a new stream. Raises `NothingToSendError`."""
        return requests.begin(context, self._settings.fraud, request)

    def send(self, context: StreamContext, stream: Stream, wait: Wait) -> bool:
        """Send what is left of `stream`; false when `wait` ended it early."""
        publisher = Publisher(self._settings.kafka)
        own = FraudContext(context.uploader, context.clock, self._settings, publisher)
        return sending.send(own, stream, wait)

    def routes(self) -> Blueprint:
        """The newest predictions."""
        routes, settings = Blueprint(NAME, __name__), self._settings

        @routes.get(PAGE.rows)
        @operation(
            Operation("The newest predictions of card payments", list[dict[str, Any]], Newest)
        )
        def newest(query: Newest) -> Response:
            with mysql.connect(settings.mysql) as connection, connection.cursor() as cursor:
                cursor.execute(_NEWEST, (query.limit,))
                columns = [column[0] for column in cursor.description]
                found = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
            return as_json(found)

        return routes
