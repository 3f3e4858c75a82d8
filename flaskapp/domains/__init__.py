"""The domains whose rows the simulator sends; to add one is one line here."""

from __future__ import annotations

from flaskapp.cdr.source import CdrSource
from flaskapp.clicks.source import ClicksSource
from flaskapp.fraud.source import FraudSource
from flaskapp.segments.source import PurchaseSource
from flaskapp.stream_source import StreamSource
from lakehouse.clock import Clock
from lakehouse.domains.settings import Settings


def sources(settings: Settings, clock: Clock) -> tuple[StreamSource, ...]:
    """The sources of all domains; the first is the one that a request need not name."""
    return (
        CdrSource(settings, clock),
        FraudSource(settings, clock),
        ClicksSource(settings, clock),
        PurchaseSource(settings, clock),
    )
