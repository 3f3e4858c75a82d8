"""Messages that the broker no longer has stop the query, or are put on record."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from lakehouse import kafka, store
from lakehouse.clock import FixedClock
from lakehouse.domains.cdr import names
from lakehouse.domains.cdr.names import INGEST_EVENTS
from lakehouse.domains.settings import Settings
from lakehouse.errors import StreamError
from lakehouse.names import DATA_LOSS, table_uri
from lakehouse.settings.model import LakeSettings
from pyspark_jobs.ingest import data_loss

CLOCK = FixedClock(datetime(2026, 6, 1, tzinfo=UTC))
TOPIC = names.TOPIC_EVENTS


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A query that has read to offset 10 of a topic whose messages before 25 are gone."""
    made = Settings(lake=LakeSettings(uri=str(tmp_path)))
    monkeypatch.setattr(kafka, "offset_ranges", lambda *_: {0: (25, 40)})
    monkeypatch.setattr(kafka, "topic_id", lambda *_: "first")
    checkpoint = Path(INGEST_EVENTS.checkpoint(made.lake_uri))
    for folder in ("commits", "offsets"):
        (checkpoint / folder).mkdir(parents=True)
    for batch, offset in (("9", 4), ("10", 10), ("11", 12)):
        (checkpoint / "offsets" / batch).write_text(f'v1\n{{}}\n{{"{TOPIC}":{{"0":{offset}}}}}')
    for batch in ("9", "10"):
        (checkpoint / "commits" / batch).touch()
    return made


def test_a_gap_stops_the_query_and_is_named(settings: Settings) -> None:
    with pytest.raises(StreamError, match="a gap: partition 0 from 10 to 25"):
        data_loss.check(settings, INGEST_EVENTS, TOPIC, CLOCK, accept=False)


def test_an_accepted_gap_is_on_record(settings: Settings) -> None:
    data_loss.check(settings, INGEST_EVENTS, TOPIC, CLOCK, accept=True)
    rows = store.scan(table_uri(settings.lake_uri, DATA_LOSS)).collect()
    assert rows.select("partition", "first", "until").rows() == [(0, 10, 25)]


def test_a_shorter_topic_was_created_again_and_is_told_from_a_gap(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka, "offset_ranges", lambda *_: {0: (0, 3)})
    for accept in (False, True):
        with pytest.raises(
            StreamError, match=r"ends at 3, so one that was created again; .* raise the query's"
        ):
            data_loss.check(settings, INGEST_EVENTS, TOPIC, CLOCK, accept)
    assert not store.exists(table_uri(settings.lake_uri, DATA_LOSS))


@pytest.mark.parametrize("left", ["", f'v1\n{{}}\n{{"{TOPIC}":{{"0":'])
def test_a_damaged_entry_of_the_offset_log_is_named(settings: Settings, left: str) -> None:
    entry = Path(INGEST_EVENTS.checkpoint(settings.lake_uri)) / "offsets" / "10"
    entry.write_text(left)
    with pytest.raises(StreamError, match=f"{entry}: expected an entry"):
        data_loss.check(settings, INGEST_EVENTS, TOPIC, CLOCK, accept=False)


def test_without_a_gap_or_a_first_batch_nothing_is_asked(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_loss.check(settings, names.INGEST_OUTCOMES, TOPIC, CLOCK, accept=False)
    monkeypatch.setattr(kafka, "offset_ranges", lambda *_: {0: (10, 40)})
    data_loss.check(settings, INGEST_EVENTS, TOPIC, CLOCK, accept=False)
    assert not store.exists(table_uri(settings.lake_uri, DATA_LOSS))


def test_a_topic_created_again_is_known_by_its_id_however_long_it_is(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka, "offset_ranges", lambda *_: {0: (0, 10)})
    data_loss.check(settings, INGEST_EVENTS, TOPIC, CLOCK, accept=False)
    monkeypatch.setattr(kafka, "topic_id", lambda *_: "second")
    with pytest.raises(StreamError, match=r"created again, .* skip: partition 0 from 0 to 10"):
        data_loss.check(settings, INGEST_EVENTS, TOPIC, CLOCK, accept=False)
    data_loss.check(settings, INGEST_EVENTS, TOPIC, CLOCK, accept=True)
    rows = store.scan(table_uri(settings.lake_uri, DATA_LOSS)).collect()
    assert rows.select("partition", "first", "until").rows() == [(0, 0, 10)]
    data_loss.check(settings, INGEST_EVENTS, TOPIC, CLOCK, accept=False)
