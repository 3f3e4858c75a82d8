"""The database: made once, typed like the contract, few rights, exact daily sums."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import polars as pl
import pytest

from flaskapp import database as schema
from flaskapp import migrations, outbox, streams
from flaskapp.bulk import Uploader, open_uploader
from flaskapp.cdr import event_store, reads
from flaskapp.cdr.mappings.fields import EVENTS
from flaskapp.migrations import Migration
from lakehouse import mysql
from lakehouse.contracts import Contract, published
from lakehouse.domains.cdr import contracts, names
from lakehouse.domains.settings import Settings
from lakehouse.errors import DatabaseError, UnreachableError
from lakehouse.names import MYSQL_OUTBOX, MYSQL_STATE, MYSQL_STREAMS

pytestmark = pytest.mark.integration
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
TYPES = {
    "string": {"varchar", "text", "longtext"},
    "int": {"tinyint", "int"},
    "long": {"bigint"},
    "decimal": {"decimal"},
    "double": {"double"},
    "date": {"date"},
    "timestamp": {"datetime"},
}


@pytest.fixture
def uploader(fresh: Settings) -> Iterator[Uploader]:
    with open_uploader(fresh) as opened:
        with opened.connection.cursor() as cursor:
            streams.begin(cursor, "s", "cdr", "history", {}, NOW)
        yield opened


def query(settings: Settings, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    with mysql.connect(settings.mysql) as connection, connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())


def usage(*rows: tuple[datetime, str, int, float]) -> pl.DataFrame:
    """Rows of moment, subscriber, outgoing calls and volume."""
    plain = [
        (moment, who, calls, 60.0 * calls, 0, 0.0, 0, 0, 1, volume)
        for moment, who, calls, volume in rows
    ]
    return pl.DataFrame(plain, schema=EVENTS, orient="row")


def test_initialising_twice_changes_nothing(fresh: Settings) -> None:
    before = query(fresh, "SELECT * FROM schema_migrations")
    assert schema.initialise(fresh) == []
    assert query(fresh, "SELECT * FROM schema_migrations") == before
    assert [row[0] for row in before] == [m.version for m in migrations.find()]


def test_a_migration_that_was_edited_after_it_ran_is_refused(fresh: Settings) -> None:
    edited = Migration(1, "source", "SELECT 1;")
    with mysql.connect(fresh.mysql, admin=True) as connection:
        connection.cursor().execute(f"USE `{fresh.mysql.database}`")
        with pytest.raises(DatabaseError, match="edited"):
            migrations.apply(connection, [edited])


@pytest.mark.parametrize(
    ("table", "contract"),
    [
        (names.MYSQL_RAW, contracts.CDR_EVENT),
        (names.MYSQL_OUTCOMES, contracts.CDR_OUTCOME),
        (names.MYSQL_SUMMARY, contracts.DAILY_SUMMARY),
        (names.MYSQL_PREDICTIONS, published(contracts.PREDICTIONS)),
    ],
)
def test_columns_are_those_of_the_contract(fresh: Settings, table: str, contract: Contract) -> None:
    found = {
        name.lower(): (kind, nullable == "YES")
        for name, kind, nullable in query(
            fresh,
            "SELECT column_name, data_type, is_nullable FROM information_schema.columns "
            "WHERE table_schema = %s AND table_name = %s",
            fresh.mysql.database,
            table,
        )
    }
    for field in contract.fields:
        if field.name != "event_id":  # made of stream_id and sequence
            kind, nullable = found[field.name.lower()]
            assert kind in TYPES[field.kind], field.name
            assert nullable == field.nullable, field.name


@pytest.mark.parametrize(
    ("column", "value"),
    [("DP_MOC_COUNT", -1), ("DP_DATA_VOLUME", 2e12), ("DP_MSISDN", "12"), ("PSEUDO_CHURNED", 2)],
)
def test_a_row_that_breaks_the_contract_is_refused_with_its_whole_block(
    uploader: Uploader, column: str, value: Any
) -> None:
    good = usage((NOW, "49171000001", 1, 1.0), (NOW, "49171000002", 1, 1.0))
    kind = good.schema.get(column, pl.Int64)
    bad = good.with_columns(pl.Series(column, [value, value], dtype=kind))
    with pytest.raises((DatabaseError, mysql.Error)):
        event_store.append(uploader, "s", bad, NOW, "UTC")


def test_a_server_that_reads_no_files_gets_the_same_rows(uploader: Uploader) -> None:
    uploader._reads_files = False
    event_store.append(uploader, "s", usage((NOW, "49171000001", 2, 0.125)), NOW, "UTC")
    with uploader.connection.cursor() as cursor:
        (row,) = reads.last_rows(cursor, 10)
    assert (row["DP_DATE"], row["DP_MOC_COUNT"]) == ("2026-11-20T12:00:00.000Z", 2)
    assert row["DP_DATA_VOLUME"] == 0.125


@pytest.mark.parametrize(
    "statement",
    [
        f"DROP TABLE {names.MYSQL_RAW}",
        f"DELETE FROM {names.MYSQL_RAW}",
        f"DELETE FROM {names.MYSQL_PROCESSED}",
        f"TRUNCATE TABLE {MYSQL_OUTBOX}",
        "CREATE TABLE mine (id INT)",
        "SELECT * FROM mysql.user",
        "GRANT ALL ON *.* TO cdrlake",
        "SELECT 1 INTO OUTFILE '/tmp/cdrlake-outfile'",
    ],
)
def test_the_application_account_has_no_right_that_it_does_not_need(
    fresh: Settings, statement: str
) -> None:
    with pytest.raises(mysql.Error, match="denied"):
        query(fresh, statement)


def test_the_server_may_read_no_file_outside_the_upload_folder(
    fresh: Settings, tmp_path: Any
) -> None:
    (tmp_path / "secret").write_text("x", encoding="utf-8")
    with open_uploader(fresh) as opened, opened.connection.cursor() as cursor:
        statement = f"LOAD DATA LOCAL INFILE %s INTO TABLE {MYSQL_STATE}"
        with pytest.raises(mysql.Error):
            cursor.execute(statement, (str(tmp_path / "secret"),))


def test_what_a_killed_process_left_goes_and_what_is_in_use_stays(
    fresh: Settings, tmp_path: Path
) -> None:
    own = fresh.model_copy(update={"state_dir": str(tmp_path)})
    left = tmp_path / "uploads" / "left"
    left.mkdir(parents=True)
    (left / "block.tsv").write_text("49171000001", encoding="utf-8")
    with open_uploader(own) as first:
        assert not left.exists()
        with first.connection.cursor() as cursor:
            streams.begin(cursor, "s", "cdr", "history", {}, NOW)
        with open_uploader(own):
            event_store.append(first, "s", usage((NOW, "49171000001", 2, 0.125)), NOW, "UTC")
    assert not list(left.parent.iterdir())


def test_the_daily_sums_are_exact_and_repeating_the_call_doubles_nothing(
    fresh: Settings, uploader: Uploader
) -> None:
    today = datetime.combine(datetime.now(UTC).date(), datetime.min.time(), UTC)  # noqa: TID251
    yesterday, tomorrow = today - timedelta(days=1), today + timedelta(days=1)
    block = usage(
        (yesterday, "49171000001", 1_000_000, 999_999_999_999.999),
        (yesterday, "49171000002", 999_999, 0.001),
        *[(yesterday, "49171000003", 0, 1e12)] * 1_500,  # more than a single value may be
        (today, "49171000001", 2, 0.1),
        (today - timedelta(days=9), "49171000001", 7, 7.0),
        (tomorrow, "49171000001", 9, 9.0),  # today, for those who live east of Greenwich
        (tomorrow + timedelta(days=1), "49171000001", 8, 8.0),
    )
    event_store.append(uploader, "s", block, NOW, "UTC")
    event_store.append(uploader, "s", usage((today, "49171000001", 3, 0.2)), NOW, "UTC")
    uploader.connection.commit()
    expected = [
        (yesterday.date(), 1_999_999, Decimal("119999940.000"), 1_502, Decimal(1_501 * 10**12)),
        (today.date(), 5, Decimal("300.000"), 2, Decimal("0.300")),
        (tomorrow.date(), 9, Decimal("540.000"), 1, Decimal("9.000")),
    ]
    for _ in range(2):
        with mysql.connect(fresh.mysql) as connection, connection.cursor() as cursor:
            cursor.execute("CALL GetDailyCDRDataBatch(%s)", (yesterday.date(),))
            assert cursor.fetchall() == expected
            while cursor.nextset():
                pass
            connection.commit()
    assert query(fresh, f"SELECT * FROM {names.MYSQL_SUMMARY} ORDER BY Date") == expected
    direct = query(
        fresh,
        "SELECT Date, SUM(DP_MOC_COUNT), SUM(DP_MOC_DURATION), SUM(DP_DATA_COUNT), "
        f"SUM(DP_DATA_VOLUME) FROM {names.MYSQL_RAW} WHERE Date >= %s "
        "AND Date <= CURDATE() + INTERVAL 1 DAY GROUP BY Date ORDER BY Date",
        yesterday.date(),
    )
    assert direct == expected


def test_the_label_of_a_day_is_known_when_its_horizon_closes(
    uploader: Uploader, fresh: Settings
) -> None:
    def day(number: int) -> datetime:
        return datetime(2026, 5, number, 8, tzinfo=UTC)

    cdr = fresh.cdr.model_copy(update={"label_horizon_days": 3, "active_window_days": 2})
    stays, leaves, away, idle = (f"4917100000{n}" for n in range(4))
    block = usage(
        (day(2), leaves, 1, 0),
        (day(2), stays, 1, 0),
        (day(1), away, 1, 0),
        (day(6), away, 1, 0),
        (day(5), stays, 1, 0),
        (day(2), idle, 0, 0),
    ).with_columns(DP_DATA_COUNT=pl.lit(0, pl.Int64))
    event_store.append(uploader, "s", block, NOW, "UTC")
    with uploader.connection.cursor() as cursor:
        for number in range(1, 7):
            event_store.close_day(cursor, "s", date(2026, 5, number), cdr, NOW)
        repeated = event_store.close_day(cursor, "s", date(2026, 5, 5), cdr, NOW)
    uploader.connection.commit()
    assert repeated == 0
    found = query(
        fresh,
        f"SELECT DAY(Date), DP_MSISDN, PSEUDO_CHURNED, DAY(known_at), sequence "
        f"FROM {names.MYSQL_OUTCOMES} ORDER BY sequence",
    )
    assert found == [
        (1, away, 1, 5, 0),
        (2, stays, 0, 6, 1), (2, leaves, 1, 6, 2), (2, away, 1, 6, 3),
        (3, stays, 0, 7, 4), (3, leaves, 1, 7, 5),
    ]  # fmt: skip
    labels = query(
        fresh, f"SELECT DP_MSISDN, PSEUDO_CHURNED FROM {names.MYSQL_RAW} WHERE DAY(Date) = 2"
    )
    assert sorted(labels, key=lambda row: row[0]) == [(stays, 0), (leaves, 1), (idle, None)]
    entries = query(fresh, f"SELECT kind, first_sequence, last_sequence FROM {MYSQL_OUTBOX}")
    assert entries == [("event", 0, 5), ("outcome", 0, 0), ("outcome", 1, 3), ("outcome", 4, 5)]


def test_an_installation_of_before_the_domains_is_taken_along(
    database: Settings, tmp_path: Path
) -> None:
    """It has six migrations, a check on the kinds of entries, and streams that name no domain."""
    own = database.model_copy(
        update={"mysql": database.mysql.model_copy(update={"database": f"Old{uuid4().hex[:8]}"})}
    )
    for path in migrations.FOLDER.rglob("00[1-6]_*.sql"):
        shutil.copy(path, tmp_path)
    assert len(schema.initialise(own, tmp_path)) == 6
    with mysql.connect(own.mysql) as connection, connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {MYSQL_STREAMS} (stream_id, mode, state, request, started_at, updated_at)"
            " VALUES ('live-1', 'live', 'running', '{}', UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))"
        )
        connection.commit()
    try:
        later = ["shared", "domains", "own_streams", "monitoring_model", "cc_results", "cards"]
        assert schema.initialise(own) == later
        assert schema.initialise(own) == []
        with mysql.connect(own.mysql) as connection, connection.cursor() as cursor:
            (found,) = streams.running(cursor)
            assert (found.stream_id, found.domain) == ("live-1", "cdr")
            outbox.enter(cursor, "an event of another domain", "live-1", 0, 9, NOW)
            connection.commit()
    finally:
        with mysql.connect(own.mysql, admin=True) as connection, connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE `{own.mysql.database}`")


def test_a_database_that_is_away_is_said_to_be_unreachable(fresh: Settings) -> None:
    nowhere = fresh.mysql.model_copy(update={"port": 1})
    with pytest.raises(UnreachableError, match=r"127\.0\.0\.1:1"), mysql.connect(nowhere):
        pass
