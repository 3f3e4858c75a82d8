"""A query notices that a table has lost what it wrote."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake

from lakehouse.domains.settings import Settings
from lakehouse.errors import StreamError
from lakehouse.names import QueryIdentity, table_uri
from lakehouse.settings import ROOT
from lakehouse.settings.model import LakeSettings
from pyspark_jobs.engine.query_notes import QueryNotes

QUERY, TABLE = QueryIdentity("job", "silver.toy", 1), "silver.toy"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A table that the query has written three times, and noted the last."""
    made = Settings(lake=LakeSettings(uri=str(tmp_path)))
    for number in range(3):
        write(made, number)
    uri = table_uri(made.lake_uri, TABLE)
    QueryNotes(QUERY, made).note_tables((TABLE, DeltaTable(uri)))
    return made


def write(settings: Settings, number: int) -> None:
    rows = pl.DataFrame({"n": [number]}).to_arrow()
    write_deltalake(table_uri(settings.lake_uri, TABLE), rows, mode="append")


def newest_commit(settings: Settings) -> Path:
    log = Path(table_uri(settings.lake_uri, TABLE)) / "_delta_log"
    return max(log.glob("*.json"))


def test_what_was_written_or_came_later_is_fine(settings: Settings) -> None:
    QueryNotes(QUERY, settings).check_tables()
    write(settings, 3)
    QueryNotes(QUERY, settings).check_tables()


def test_a_query_that_has_written_nothing_asks_for_nothing(tmp_path: Path) -> None:
    QueryNotes(QUERY, Settings(lake=LakeSettings(uri=str(tmp_path)))).check_tables()


def test_a_commit_that_is_gone_is_refused_by_name(settings: Settings) -> None:
    newest_commit(settings).unlink()
    with pytest.raises(StreamError, match=r"silver/toy: expected version 2 .*, but got version 1;"):
        QueryNotes(QUERY, settings).check_tables()


def test_a_commit_that_is_empty_is_refused_by_name(settings: Settings) -> None:
    newest_commit(settings).write_bytes(b"")
    with pytest.raises(StreamError, match=r"expected version 2 .*, but got an empty commit"):
        QueryNotes(QUERY, settings).check_tables()


def test_another_table_in_the_place_of_the_first_is_refused(settings: Settings) -> None:
    for path in newest_commit(settings).parent.glob("*.json"):
        path.unlink()
    for number in range(4):
        write(settings, number)
    with pytest.raises(StreamError, match="got another table"):
        QueryNotes(QUERY, settings).check_tables()


def test_notes_that_cannot_be_read_are_named(settings: Settings) -> None:
    (path,) = (Path(settings.lake_uri) / "_checkpoints").glob("*.notes.json")
    path.write_bytes(b"{")
    with pytest.raises(StreamError, match="expected the notes of the query"):
        QueryNotes(QUERY, settings).check_tables()


def test_the_topic_is_remembered_beside_the_tables(settings: Settings) -> None:
    notes = QueryNotes(QUERY, settings)
    notes.note_topic("one")
    assert (notes.read().topic_id, list(notes.read().tables)) == ("one", [TABLE])


def test_every_query_notes_what_it_has_written() -> None:
    starting = modules_with("queries.start(")
    silent = [
        name
        for name, text in starting.items()
        if "queries.noting(" not in text and ".note_tables(" not in text
    ]
    assert len(starting) > 10
    assert silent == [], "wrap the sink in `queries.noting(IDENTITY, settings, sink, TABLE)`"


def test_a_source_in_kafka_is_checked_for_lost_messages() -> None:
    reading = modules_with("readers.kafka_stream(")
    unchecked = [name for name, text in reading.items() if "data_loss.check(" not in text]
    assert len(reading) > 1
    assert unchecked == [], "call `data_loss.check` before the query is started"


def modules_with(call: str) -> dict[str, str]:
    """The text of each module of the jobs that makes the call, by its path."""
    texts = {
        str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
        for path in (ROOT / "pyspark_jobs").rglob("*.py")
    }
    return {name: text for name, text in texts.items() if call in text}
