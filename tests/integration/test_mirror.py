"""The mirror: what the lake holds is in MySQL and on the topic, whatever was repeated or lost."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake

from cdrlake.services.kafka import KafkaBroker
from lakehouse import kafka, mysql, store
from lakehouse.domains.cdr import CDR, names
from lakehouse.domains.cdr.contracts import PROCESSED_COLUMNS
from lakehouse.domains.settings import Settings
from lakehouse.errors import ServiceError
from lakehouse.models.stored_features import spoken
from lakehouse.names import MYSQL_CURSORS, table_uri
from lakehouse.publisher import Publisher
from lakehouse.settings.model import LakeSettings
from mirror import sync
from mirror.messages import RowPublisher
from mirror.sinks import MysqlSink
from mirror.sync import step
from pyspark_jobs.delta import tables
from pyspark_jobs.delta.table_writer import DeltaTableWriter

PREDICTIONS, PROCESSED = CDR.mirrors
MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def predictions(*rows: tuple[str, float]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "Date": date(2026, 1, 1),
                "User": user,
                "label": None,
                "prediction": int(probability >= 0.5),
                "probability_0": 1 - probability,
                "probability_1": probability,
                "rawPrediction_0": 1.0,
                "rawPrediction_1": 2.0,
                "feature_names": "a,b",
                "features": [0.5, 2.0],
                "reason_1": "b",
                "reason_1_raises": True,
                **{f"reason_{rank}": None for rank in (2, 3)},
                **{f"reason_{rank}_raises": None for rank in (2, 3)},
                "model_version": 1,
                "run_id": "r",
                "scored_at": MOMENT,
                "last_emitted_at": None,
                "bucket": 0,
            }
            for user, probability in rows
        ],
        schema_overrides={
            "label": pl.Int32,
            "prediction": pl.Int32,
            "model_version": pl.Int32,
            **{f"reason_{rank}": pl.String for rank in (2, 3)},
            **{f"reason_{rank}_raises": pl.Boolean for rank in (2, 3)},
            "last_emitted_at": pl.Datetime("us", "UTC"),
        },
    )


@pytest.fixture
def lake(tmp_path: Path, database: Settings) -> str:
    with mysql.connect(database.mysql, admin=True) as connection:
        cursor = connection.cursor()
        for table in (names.MYSQL_PREDICTIONS, names.MYSQL_PROCESSED, MYSQL_CURSORS):
            cursor.execute(f"DELETE FROM {database.mysql.database}.{table}")
        connection.commit()
    return str(tmp_path)


def append(lake: str, frame: pl.DataFrame) -> None:
    write_deltalake(
        table_uri(lake, names.PREDICTIONS),
        frame.to_arrow(),
        mode="append",
        configuration={"delta.enableChangeDataFeed": "true"},
    )


def upsert(lake: str, frame: pl.DataFrame) -> None:
    table = DeltaTable(table_uri(lake, names.PREDICTIONS))
    merge = table.merge(frame.to_arrow(), "t.User = s.User", source_alias="s", target_alias="t")
    merge.when_matched_update_all().when_not_matched_insert_all().execute()


def mirrored(settings: Settings) -> dict[str, float]:
    with mysql.connect(settings.mysql) as connection:
        cursor = connection.cursor()
        cursor.execute(f"SELECT `User`, probability_1 FROM {names.MYSQL_PREDICTIONS}")
        return dict(cursor.fetchall())


def run_step(settings: Settings, lake: str, commit: bool = True) -> list[pl.DataFrame]:
    published: list[pl.DataFrame] = []
    with mysql.connect(settings.mysql) as connection:
        step(
            PREDICTIONS,
            lake,
            MysqlSink(connection if commit else Uncommitted(connection)),
            lambda _topic, rows: published.append(rows),
        )
    return published


class Uncommitted:
    """A connection that dies before its commit."""

    def __init__(self, connection: object) -> None:
        self.cursor = connection.cursor  # type: ignore[attr-defined]

    def commit(self) -> None:
        return


def test_inserts_and_updates_follow_the_lake(lake: str, database: Settings) -> None:
    append(lake, predictions(("111111111", 0.1), ("222222222", 0.2)))
    assert run_step(database, lake)[0].height == 2
    upsert(lake, predictions(("222222222", 0.9), ("333333333", 0.3)))
    assert sorted(run_step(database, lake)[0]["User"]) == ["222222222", "333333333"]
    assert mirrored(database) == {"111111111": 0.1, "222222222": 0.9, "333333333": 0.3}
    assert run_step(database, lake) == []


def test_moments_keep_their_microseconds(lake: str, database: Settings) -> None:
    append(lake, predictions(("111111111", 0.1)))
    run_step(database, lake)
    with mysql.connect(database.mysql) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT scored_at FROM {names.MYSQL_PREDICTIONS}")
        assert cursor.fetchall() == [(MOMENT.replace(tzinfo=None),)]


def test_a_step_that_died_before_its_commit_is_repeated(lake: str, database: Settings) -> None:
    append(lake, predictions(("111111111", 0.1)))
    run_step(database, lake, commit=False)
    assert mirrored(database) == {}
    run_step(database, lake)
    assert mirrored(database) == {"111111111": 0.1}


def test_a_backlog_is_made_up_for_in_steps_of_so_many_versions(
    lake: str, database: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync, "MOST_VERSIONS", 2)
    for number, user in enumerate(("111111111", "222222222", "333333333")):
        append(lake, predictions((user, number / 10)))
    assert [rows.height for rows in run_step(database, lake)] == [2]
    assert [rows.height for rows in run_step(database, lake)] == [1]
    assert run_step(database, lake) == []
    assert mirrored(database) == {"111111111": 0.0, "222222222": 0.1, "333333333": 0.2}


@pytest.mark.parametrize("versions", [1, 2])
def test_a_table_made_anew_is_read_from_its_beginning_whatever_its_version(
    lake: str, database: Settings, tmp_path: Path, versions: int
) -> None:
    for number in range(versions):
        append(lake, predictions((f"11111111{number}", 0.1)))
    run_step(database, lake)
    other = str(tmp_path / "anew")
    append(other, predictions(("333333333", 0.3)))
    run_step(database, other)
    assert mirrored(database)["333333333"] == 0.3


def test_changes_that_were_cleaned_away_are_made_up_for_by_the_whole_table_a_day_at_a_time(
    lake: str, database: Settings
) -> None:
    for day in (1, 2):
        rows = predictions(("111111111", day / 10)).with_columns(Date=pl.date(2026, 1, day))
        append(lake, rows)
    log = Path(table_uri(lake, names.PREDICTIONS)) / "_delta_log"
    DeltaTable(str(log.parent)).create_checkpoint()
    (log / f"{0:020}.json").unlink()
    assert [rows.height for rows in run_step(database, lake)] == [1, 1]
    assert mirrored(database) == {"111111111": 0.2}
    assert run_step(database, lake) == []


def test_a_lake_that_cannot_be_read_is_no_reason_to_write_all_again(
    lake: str, database: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise OSError("connection refused")

    append(lake, predictions(("111111111", 0.1)))
    monkeypatch.setattr(store.Table, "changes", away)
    with pytest.raises(ServiceError, match="connection refused"):
        run_step(database, lake)
    assert mirrored(database) == {}


def test_processed_data_follows_the_lake(lake: str, database: Settings) -> None:
    uri = table_uri(lake, names.PROCESSED)
    tables.create_missing(Settings(lake=LakeSettings(uri=lake)), PROCESSED.contract)
    amounts = dict.fromkeys(PROCESSED_COLUMNS, 2)
    key = {"Date": date(2026, 1, 1), "User": "111111111"}
    schema = store.scan(uri).collect_schema()
    for label in (None, 1):
        row = pl.DataFrame([{**key, **amounts, "M_Tenure_Churn": label}]).cast(schema)
        DeltaTableWriter(lake, PROCESSED.contract, {}).upsert(row, row.select("User", "Date"))
        with mysql.connect(database.mysql) as connection:
            assert step(PROCESSED, lake, MysqlSink(connection), never) == 1
            cursor = connection.cursor()
            cursor.execute(f"SELECT * FROM {names.MYSQL_PROCESSED}")
            held = [(*key.values(), *(amounts.values()), label)]
            assert cursor.fetchall() == held


def never(*_: object) -> None:
    raise AssertionError("nothing is to be published")


def test_messages_carry_the_key_and_every_row(
    database: Settings, broker: KafkaBroker, lake: str
) -> None:
    before = kafka.message_count(database.kafka, names.TOPIC_PREDICTIONS)
    rows = predictions(("111111111", 0.25))
    publisher = RowPublisher(Publisher(database.kafka), PREDICTIONS.published)
    publisher.send(names.TOPIC_PREDICTIONS, spoken(rows).select(PREDICTIONS.published.names))
    found: dict[bytes, bytes] = {}
    kafka.read_all(
        database.kafka,
        names.TOPIC_PREDICTIONS,
        lambda message: found.update({message.key(): message.value()}),
    )
    assert kafka.message_count(database.kafka, names.TOPIC_PREDICTIONS) == before + 1
    assert b'"probability_1":0.25' in found[b"111111111|2026-01-01|1"]
    text = json.loads(found[b"111111111|2026-01-01|1"])["features_str"]
    assert json.loads(text) == {"a": 0.5, "b": 2.0}


def test_a_step_leaves_no_cursor_open_and_reads_the_log_once(
    lake: str, database: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    begin = DeltaTable.__init__

    def counted(table: DeltaTable, uri: str, **options: Any) -> None:
        opened.append(uri)
        begin(table, uri, **options)

    append(lake, predictions(("111111111", 0.1)))
    monkeypatch.setattr(DeltaTable, "__init__", counted)
    with mysql.connect(database.mysql) as connection:
        watched = Watched(connection)
        for _ in range(2):
            step(PREDICTIONS, lake, MysqlSink(watched), lambda *_: None)
        assert len(opened) == 2
        assert watched.cursors and all(cursor._connection is None for cursor in watched.cursors)


class Watched:
    """A connection that remembers its cursors; one that is closed has lost its connection."""

    def __init__(self, connection: Any) -> None:
        self._connection, self.commit = connection, connection.commit
        self.cursors: list[Any] = []

    def cursor(self) -> Any:
        self.cursors.append(self._connection.cursor())
        return self.cursors[-1]
