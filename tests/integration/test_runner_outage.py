"""A domain whose messages go straight to Kafka: its stream waits for the broker, as for MySQL."""

from __future__ import annotations

import pytest

from flaskapp import streams
from flaskapp.runner import Runner
from flaskapp.segments.sending import PurchaseRequest
from flaskapp.segments.source import PurchaseSource
from flaskapp.stream_source import StreamContext, Wait
from flaskapp.streams import Stream
from lakehouse import mysql
from lakehouse.clock import SystemClock
from lakehouse.domains.settings import Settings
from lakehouse.errors import AccessError, CdrlakeError, ServiceError, TooLargeError
from tests.integration.conftest import wait_for

pytestmark = pytest.mark.integration
CLOCK = SystemClock()
AWAY = ServiceError("Kafka", "an acknowledgement", "none", "check the broker")
DENIED = AccessError("Kafka", "the right to write", "a denial", "ask its administrator")
TOO_LARGE = TooLargeError("Kafka", "a message that it takes", "a larger one", "send less")


class Unlucky(PurchaseSource):
    """Purchases whose sending fails with each of these errors first, and then sends nothing."""

    def __init__(self, settings: Settings, errors: list[CdrlakeError]) -> None:
        super().__init__(settings, CLOCK)
        self.errors = errors

    def send(self, context: StreamContext, stream: Stream, wait: Wait) -> bool:
        if self.errors:
            raise self.errors.pop()
        return True


def ended(site: Settings, errors: list[CdrlakeError]) -> Stream:
    """The stream, once it is over."""
    runner = Runner(site, CLOCK, [Unlucky(site, errors)])
    name = runner.start(PurchaseRequest(batch_size=10, num_batches=1, interval=1))
    wait_for(lambda: not runner.is_running, "the stream")
    with mysql.connect(site.mysql) as connection, connection.cursor() as cursor:
        found = streams.get(cursor, name)
    assert found is not None
    return found


def test_a_broker_that_comes_back_ends_no_stream(fresh: Settings) -> None:
    assert ended(fresh, [AWAY, AWAY]).state == "finished"


@pytest.mark.parametrize("error", [DENIED, TOO_LARGE])
def test_a_broker_that_will_never_take_it_does(fresh: Settings, error: CdrlakeError) -> None:
    stream = ended(fresh, [error])
    assert (stream.state, stream.error) == ("failed", str(error))
