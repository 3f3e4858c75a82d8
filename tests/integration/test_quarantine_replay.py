"""Refused messages: counted, shown, mended, sent again, and not sent a second time."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from deltalake import write_deltalake

from cdrlake.services.kafka import KafkaBroker
from lakehouse import kafka, quarantine
from lakehouse.clock import FixedClock
from lakehouse.domains.cdr import CDR, names
from lakehouse.domains.cdr.contracts import QUARANTINE_EVENTS
from lakehouse.domains.settings import Settings
from lakehouse.errors import ContractError, ServiceError
from lakehouse.names import table_uri
from lakehouse.quarantine import Correction, Replayed
from lakehouse.settings.model import LakeSettings

pytestmark = pytest.mark.integration

CLOCK = FixedClock(datetime(2026, 6, 1, tzinfo=UTC))
NOTHING = Correction({}, {})
FEED = quarantine.feed_of(CDR)


@pytest.fixture
def refused(settings: Settings, tmp_path: Path) -> Settings:
    """A lake with three refused messages: two that can be mended and one that is no JSON."""
    lake = settings.model_copy(update={"lake": LakeSettings(uri=str(tmp_path))})
    raws = [b'{"event_id":"m:1","calls":3}', b'{"event_id":"m:2","calls":4}', b"junk"]
    rows = pl.DataFrame(
        {
            "reasons": ["missing_field", "missing_field,too_late", "not_json"],
            "detail": ["DP_MOC_COUNT: required, but missing"] * 2 + ["expected JSON"],
            "key": [b"k"] * 3,
            "raw": raws,
            "topic": [names.TOPIC_EVENTS] * 3,
            "partition": pl.Series([0] * 3, dtype=pl.Int32),
            "offset": pl.Series([10**9, 10**9 + 1, 10**9 + 2], dtype=pl.Int64),
            "kafka_timestamp": [CLOCK.now()] * 3,
            "batch_id": pl.Series([0] * 3, dtype=pl.Int64),
            "ingested_at": [CLOCK.now()] * 3,
        }
    )
    uri = table_uri(lake.lake_uri, QUARANTINE_EVENTS.name)
    write_deltalake(uri, rows.to_arrow(compat_level=pl.CompatLevel.oldest()))
    return lake


def test_messages_are_counted_by_reason_and_shown_beside_their_rule(refused: Settings) -> None:
    assert quarantine.counts(refused, FEED)["waiting"].to_list() == [1, 1, 1]
    shown = quarantine.show(refused, FEED, reason="missing_field", limit=1)
    assert shown.select("detail", "raw").rows() == [
        ("DP_MOC_COUNT: required, but missing", '{"event_id":"m:1","calls":3}')
    ]


def test_mended_messages_go_back_to_their_topic_once(
    refused: Settings, broker: KafkaBroker
) -> None:
    mending = Correction({"DP_MOC_COUNT": "calls"}, {"id": 7})
    first = quarantine.replay(refused, FEED, mending, CLOCK)
    second = quarantine.replay(refused, FEED, mending, CLOCK)
    assert (first, second) == (Replayed(2, 1), Replayed(0, 1))
    values: list[bytes] = []
    kafka.read_all(refused.kafka, names.TOPIC_EVENTS, lambda m: values.append(m.value() or b""))
    sent = [json.loads(value) for value in values if b'"m:' in value]
    assert sorted(record["event_id"] for record in sent) == ["m:1", "m:2"]
    assert {record["id"] for record in sent} == {7}
    assert quarantine.counts(refused, FEED)["replayed"].sum() == 2


def test_more_than_one_block_is_sent_and_noted(
    refused: Settings, broker: KafkaBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine, "BLOCK_ROWS", 1)
    renamed = Correction({}, {"event_id": "block:1"})
    assert quarantine.replay(refused, FEED, renamed, CLOCK) == Replayed(2, 1)
    assert quarantine.replay(refused, FEED, renamed, CLOCK) == Replayed(0, 1)


def test_a_broker_that_is_away_leaves_everything_waiting(refused: Settings) -> None:
    away = refused.model_copy(update={"kafka": refused.kafka.model_copy(update={"port": 1})})
    with pytest.raises(ServiceError, match="none for 2 after"):
        quarantine.replay(away, FEED, NOTHING, CLOCK, deliver_s=0.5)
    assert quarantine.counts(refused, FEED)["waiting"].sum() == 3


def test_an_unknown_topic_is_refused() -> None:
    with pytest.raises(ContractError, match="did you mean 'cdr-events'"):
        quarantine.feed_of(CDR, "cdr-event")
