"""A message sent as it stands: for trying what becomes of a broken one."""

from __future__ import annotations

import pytest

from cdrlake.cdr import raw
from cdrlake.services.kafka import KafkaBroker
from lakehouse import kafka
from lakehouse.domains.settings import Settings
from lakehouse.errors import ServiceError

pytestmark = pytest.mark.integration


def test_a_message_arrives_as_it_stands(broker: KafkaBroker, settings: Settings) -> None:
    assert broker.healthy()
    raw.send("{no JSON", "cdr-outcomes", "somebody")
    found = list[bytes | None]()
    kafka.read_all(settings.kafka, "cdr-outcomes", lambda message: found.append(message.value()))
    assert b"{no JSON" in found


def test_an_unknown_topic_is_refused() -> None:
    with pytest.raises(ServiceError, match="cdr-events or cdr-outcomes"):
        raw.send("x", "cdr-event")
