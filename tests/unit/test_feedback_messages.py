"""What the REST service logs is what ingest takes in, with its features kept as they came."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from lakehouse.clock import SystemClock
from lakehouse.domain import Feed
from lakehouse.domains.feedback.domain import ANSWERS, TRUTHS
from pyspark_jobs.ingest.rules import Rules
from pyspark_jobs.ingest.validation import validate
from tests.rest.samples import records
from tests.rest.service import running


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[bytes]]:
    """The messages of a list, a plain prediction, and a truth, by topic."""
    found: dict[str, list[bytes]] = {}
    with running(tmp_path_factory.mktemp("service")) as service:
        request = service.predict(records(2)).json()["request_id"]
        service.predict(records(1)[0])
        assert service.post("/feedback", {"request_id": request, "truth": 1}).status_code == 202
        while len(service.log.messages) < 4:
            service.client.get("/health")
        for topic, body in service.log.messages:
            found.setdefault(topic, []).append(json.dumps(body).encode())
    return found


@pytest.mark.parametrize(("feed", "count"), [(ANSWERS, 3), (TRUTHS, 1)])
def test_ingest_takes_every_message_of_the_log(
    logged: dict[str, list[bytes]], feed: Feed, count: int
) -> None:
    soon = SystemClock().now() + timedelta(hours=1)
    rules = Rules(feed, soon, max_bytes=100_000)
    verdicts = [validate(raw, rules) for raw in logged[feed.topic]]
    assert [one.reasons for one in verdicts] == [""] * count
