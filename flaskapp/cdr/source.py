"""The domain as the simulator sees it: what its streams accept, send and show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint

from flaskapp.cdr import messages, read_routes, sending
from flaskapp.cdr.plans import EXPLAINED
from flaskapp.cdr.sending import CdrContext, CdrRequest
from flaskapp.outbox import MessageKind
from flaskapp.stream_source import Column, SourcePage, StreamContext, Wait
from flaskapp.streams import Stream
from lakehouse.clock import Clock
from lakehouse.domains.cdr import CDR
from lakehouse.domains.cdr.names import NAME
from lakehouse.domains.settings import Settings

PAGE = SourcePage(
    heading="Call-detail records, on their way to a prediction",
    rows="/data",
    columns=(
        Column("Time, UTC", ("DP_DATE",), "time"),
        Column("Subscriber", ("DP_MSISDN",), "text"),
        Column("Calls out", ("DP_MOC_COUNT",)),
        Column("Seconds", ("DP_MOC_DURATION", "DP_MTC_DURATION")),
        Column("Calls in", ("DP_MTC_COUNT",)),
        Column("Texts", ("DP_MOSMS_COUNT", "DP_MTSMS_COUNT")),
        Column("Sessions", ("DP_DATA_COUNT",)),
        Column("Volume", ("DP_DATA_VOLUME",)),
    ),
    plans=EXPLAINED,
    links=(("Daily summary", "/summary"),),
    replay="/replay",
)


class CdrSource:
    """The streams of the domain: samples of its rows dated now, or the next days of its source."""

    domain = NAME
    declared = CDR
    request = CdrRequest
    messages: Mapping[str, MessageKind] = messages.KINDS
    page = PAGE

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock

    def begin(self, context: StreamContext, request: CdrRequest) -> dict[str, Any]:
        """The values to keep with a new stream. Raises `NothingToSendError`."""
        return sending.begin(self._context(context), request)

    def send(self, context: StreamContext, stream: Stream, wait: Wait) -> bool:
        """Send what is left of `stream`; false when `wait` ended it early."""
        return sending.send(self._context(context), stream, wait)

    def routes(self) -> Blueprint:
        """The newest rows, the daily summary, and what is left to replay."""
        return read_routes.blueprint(self._settings, self._clock)

    def _context(self, context: StreamContext) -> CdrContext:
        return CdrContext(context.uploader, context.clock, self._settings)
