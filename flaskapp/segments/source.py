"""The domain as the simulator sees it: what its streams accept, send and show."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl
from flask import Blueprint, Response

from flaskapp.outbox import MessageKind
from flaskapp.segments import sending
from flaskapp.segments.sending import PurchaseContext, PurchaseRequest
from flaskapp.segments.world import DRIFTS
from flaskapp.stream_source import Column, Newest, Plan, SourcePage, StreamContext, Wait
from flaskapp.streams import Stream
from lakehouse import store
from lakehouse.clock import Clock
from lakehouse.domains.segments import SEGMENTS, names
from lakehouse.domains.settings import Settings
from lakehouse.http.operations import Operation, as_json, operation
from lakehouse.names import table_uri
from lakehouse.publisher import Publisher

PAGE = SourcePage(
    heading="Cards, as of the newest week",
    rows="/segments/cards",
    columns=(
        Column("As of", ("as_of",), "text"),
        Column("Card", ("card",), "text"),
        Column("Segment", ("segment_name",), "text"),
        Column("Buys within 7 days", ("p_7",), "share"),
        Column("Within 30 days", ("p_30",), "share"),
    ),
    plans=tuple(Plan(name, text, is_live=False) for name, (_, _, text) in sorted(DRIFTS.items())),
)


class PurchaseSource:
    """The streams of the domain: purchases of a simulated world."""

    domain = names.NAME
    declared = SEGMENTS
    request = PurchaseRequest
    # Purchases go straight to Kafka: the outbox has no entries of this domain.
    messages: Mapping[str, MessageKind] = {}
    page = PAGE

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock

    def begin(self, context: StreamContext, request: PurchaseRequest) -> dict[str, Any]:
        """The values to keep with a new stream. Raises `NothingToSendError`."""
        return sending.begin(context, self._settings.segments, request)

    def send(self, context: StreamContext, stream: Stream, wait: Wait) -> bool:
        """Send what is left of `stream`; false when `wait` ended it early."""
        publisher = Publisher(self._settings.kafka)
        own = PurchaseContext(context.uploader, context.clock, self._settings.segments, publisher)
        return sending.send(own, stream, wait)

    def routes(self) -> Blueprint:
        """The cards of the newest week, those first that are most likely to buy."""
        routes, settings = Blueprint(names.NAME, __name__), self._settings

        @routes.get(PAGE.rows)
        @operation(Operation("Cards of the newest week", list[dict[str, Any]], Newest))
        def newest(query: Newest) -> Response:
            return as_json(newest_cards(settings, query.limit))

        return routes


def newest_cards(settings: Settings, limit: int) -> list[dict[str, Any]]:
    """The first `limit` cards of the newest week; none before there are segments."""
    uri = table_uri(settings.lake_uri, names.GOLD_SEGMENTS)
    table = store.open_table(uri, settings.lake_options)
    if table is None:
        return []
    rows = table.scan()
    last: date | None = table.collect(rows.select(pl.col("as_of").max())).item()
    if last is None:
        return []
    columns = [key for column in PAGE.columns for key in column.keys]
    mine = rows.filter(pl.col("as_of") == last).sort("p_7", descending=True).limit(limit)
    found = table.collect(mine.select(columns))
    return found.with_columns(pl.col("as_of").cast(pl.String)).to_dicts()
