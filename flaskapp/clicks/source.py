"""The domain as the simulator sees it: what its streams accept, send and show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl
from flask import Blueprint, Response

from flaskapp.clicks import pipeline_page, sending
from flaskapp.clicks.sending import ClicksContext, ClicksRequest
from flaskapp.outbox import MessageKind
from flaskapp.stream_source import Column, Newest, SourcePage, StreamContext, Wait
from flaskapp.streams import Stream
from lakehouse import store
from lakehouse.clock import Clock
from lakehouse.domains.clicks import CLICKS, names
from lakehouse.domains.settings import Settings
from lakehouse.http.operations import Operation, as_json, operation
from lakehouse.names import table_uri
from lakehouse.publisher import Publisher
from lakehouse.schema_registry.client import Address, SchemaClient

PAGE = SourcePage(
    heading="Windows of clicks, newest first",
    rows="/clicks/windows",
    columns=(
        Column("Window from, UTC", ("window_start",), "time"),
        Column("User", ("user_id",), "text"),
        Column("Platform", ("platform",), "text"),
        Column("Pages", ("main_page_views", "listing_views", "product_views", "gallery_views")),
        Column("Bot or user", ("prediction",), "text"),
        Column("Probability", ("probability",), "share"),
        Column("Version", ("model_version",)),
    ),
    links=(("SQL files and figures", pipeline_page.PATH),),
)
_SHOWN = tuple(key for column in PAGE.columns for key in column.keys)


class ClicksSource:
    """The streams of the domain: visitors of a made-up shop."""

    domain = names.NAME
    declared = CLICKS
    request = ClicksRequest
    # Clicks go straight to Kafka: the outbox has no entries of this domain.
    messages: Mapping[str, MessageKind] = {}
    page = PAGE

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock

    def begin(self, context: StreamContext, request: ClicksRequest) -> dict[str, Any]:
        """The values to keep with a new stream. Raises `NothingToSendError`."""
        return sending.begin(context, request)

    def send(self, context: StreamContext, stream: Stream, wait: Wait) -> bool:
        """Send what is left of `stream`; false when `wait` ended it early."""
        parts = Publisher(self._settings.kafka), SchemaClient(Address.of(self._settings))
        return sending.send(ClicksContext(context.uploader, context.clock, *parts), stream, wait)

    def routes(self) -> Blueprint:
        """The newest windows, and the page of the SQL pipeline."""
        routes, settings = Blueprint(names.NAME, __name__), self._settings
        routes.register_blueprint(pipeline_page.blueprint(settings))

        @routes.get(PAGE.rows)
        @operation(Operation("The newest windows of clicks", list[dict[str, Any]], Newest))
        def newest(query: Newest) -> Response:
            uri = table_uri(settings.lake_uri, names.RESULTS)
            if not store.exists(uri, settings.lake_options):
                return as_json([])
            found = store.scan(uri, settings.lake_options).select(_SHOWN)
            newest = found.top_k(query.limit, by="window_start")
            last = store.collect(newest, uri, settings.lake_options)
            moment = pl.col("window_start").dt.strftime("%Y-%m-%dT%H:%M:%SZ")
            rows = last.sort("window_start", descending=True).with_columns(moment)
            return as_json(rows.to_dicts())

        return routes
