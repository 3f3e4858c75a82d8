"""Silver and gold are the same, cell by cell, however the events arrive."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from lakehouse import store
from lakehouse.clock import FixedClock
from lakehouse.domains.cdr import contracts, names
from lakehouse.domains.cdr.contracts import MEASURES
from lakehouse.domains.settings import Settings
from lakehouse.names import table_uri
from lakehouse.settings.model import LakeSettings
from lakehouse.settings.spark import SparkSettings
from pyspark_jobs.cdr import transform_task
from pyspark_jobs.cdr.block import Span
from pyspark_jobs.cdr.features import gold_rows
from pyspark_jobs.cdr.transform import Transform, create_tables
from pyspark_jobs.delta.table_writer import DeltaTableWriter

START = date(2026, 3, 1)
DAYS, USERS = 24, 12
LATER = FixedClock(datetime(2026, 11, 1, tzinfo=UTC))

Events = pl.DataFrame


def world(seed: int = 1) -> Events:
    """Events of a few subscribers over some weeks; some fall silent, some speak twice a day."""
    random.seed(seed)
    rows = []
    for number in range(DAYS * USERS * 2):
        user, moment = number % USERS, number // (USERS * 2)
        if random.random() < 0.4 or (user < 3 and moment > 9):
            continue
        rows.append(event(number, f"4500000{user:03}", moment))
    return pl.DataFrame(rows, schema=EVENT_SCHEMA)


KINDS = {"long": pl.Int64(), "decimal": pl.Decimal(18, 3)}
EVENT_SCHEMA = pl.Schema(
    {
        "User": pl.String(),
        "Date": pl.Date(),
        "event_hash": pl.Int64(),
        **{spec.name: KINDS[spec.kind] for spec in MEASURES},
        "emitted_at": pl.Datetime("us", "UTC"),
        "bucket": pl.Int32(),
    }
)


def event(number: int, user: str, moment: int) -> dict[str, object]:
    amounts: dict[str, object] = {
        spec.name: random.randint(0, 5)
        if spec.kind == "long"
        else Decimal(random.randint(0, 10**7)) / 1000
        for spec in MEASURES
    }
    emitted = datetime(2026, 10, 1, tzinfo=UTC) + timedelta(seconds=number)
    return {"User": user, "Date": START + timedelta(days=moment), "event_hash": number} | (
        amounts | {"emitted_at": emitted, "bucket": 0}
    )


@pytest.fixture
def make_lake(tmp_path: Path) -> Callable[[str], Settings]:
    """Settings of an empty lake of the given name."""

    def make(name: str) -> Settings:
        settings = Settings(lake={"uri": str(tmp_path / name)})
        create_tables(settings)
        return settings

    return make


def run(settings: Settings, batches: list[Events]) -> Settings:
    transform = Transform(settings, LATER)
    for batch in batches:
        transform.apply_events(batch)
    return settings


def silver_and_gold(settings: Settings) -> list[pl.DataFrame]:
    return [
        store.scan(table_uri(settings.lake_uri, name)).sort("User", "Date").collect()
        for name in (names.SILVER_DAILY, names.GOLD_FEATURES)
    ]


def assert_same(left: Settings, right: Settings) -> None:
    for one, other in zip(silver_and_gold(left), silver_and_gold(right), strict=True):
        assert one.height
        assert one.equals(other)


def pieces(events: Events, count: int) -> list[Events]:
    size = -(-events.height // count)
    return [events.slice(start, size) for start in range(0, events.height, size)]


def test_in_thirty_pieces_as_in_one_go(make_lake: Callable[[str], Settings]) -> None:
    events = world()
    assert_same(run(make_lake("whole"), [events]), run(make_lake("parts"), pieces(events, 30)))


def test_in_four_buckets_and_thirty_pieces_as_in_one_bucket_and_one_go(
    make_lake: Callable[[str], Settings], tmp_path: Path
) -> None:
    events = world()
    lake, spark = LakeSettings(uri=str(tmp_path / "four")), SparkSettings(buckets=4)
    four = Settings(lake=lake, spark=spark)
    create_tables(four)
    spread = events.with_columns(bucket=(pl.col("User").str.tail(3).cast(pl.Int32) % 4))
    whole = run(make_lake("whole"), [events])
    run(four, pieces(spread, 30))
    for one, other in zip(silver_and_gold(whole), silver_and_gold(four), strict=True):
        assert other["bucket"].n_unique() == 4
        assert one.drop("bucket").equals(other.drop("bucket"))


def test_some_subscribers_after_the_others_as_all_at_once(
    make_lake: Callable[[str], Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    events = world()
    whole = run(make_lake("whole"), pieces(events, 3))
    monkeypatch.setattr(transform_task, "ROWS_AT_ONCE", 2 * DAYS)
    assert_same(whole, run(make_lake("parts"), pieces(events, 3)))


def test_shuffled_within_the_lateness_and_with_duplicates(
    make_lake: Callable[[str], Settings],
) -> None:
    events = world()
    late = (pl.col("Date") - START).dt.total_days() + pl.Series(
        [random.uniform(0, 3) for _ in range(events.height)]
    )
    shuffled = events.sort(late)
    doubled = pl.concat(
        [piece for part in pieces(shuffled, 20) for piece in (part, part.sample(fraction=0.05))]
    )
    repeated = [*pieces(doubled, 30), events.head(40)]
    assert_same(run(make_lake("whole"), [events]), run(make_lake("parts"), repeated))


def test_cut_off_between_silver_and_gold_at_every_fifth_batch(
    make_lake: Callable[[str], Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    events, settings = world(), make_lake("cut")

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    for number, batch in enumerate(pieces(events, 15)):
        if number % 5 == 0:
            with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
                broken.setattr(Transform, "_commit", die)
                Transform(settings, LATER).apply_events(batch)
        Transform(settings, LATER).apply_events(batch)
    assert_same(run(make_lake("whole"), [events]), settings)


def test_gold_is_what_the_pure_function_makes_of_silver(
    make_lake: Callable[[str], Settings],
) -> None:
    settings = run(make_lake("parts"), pieces(world(), 8))
    silver, gold = silver_and_gold(settings)
    last = silver["Date"].max()
    assert isinstance(last, date)
    scope = silver.select("User").unique().with_columns(since=pl.lit(START))
    again = gold_rows(silver, scope, Span(last, last, 7, settings.cdr.feature_windows))
    assert again.sort("User", "Date").equals(gold.drop("bucket"))


def test_a_batch_that_comes_again_makes_no_commit(make_lake: Callable[[str], Settings]) -> None:
    events, settings = world(), make_lake("lake")
    run(settings, [events])
    uris = [table_uri(settings.lake_uri, t) for t in (names.SILVER_DAILY, names.GOLD_FEATURES)]
    before = [store.version(uri) for uri in uris]
    run(settings, pieces(events, 3))
    assert [store.version(uri) for uri in uris] == before


def test_only_rows_that_change_are_named_as_changes(
    make_lake: Callable[[str], Settings],
) -> None:
    events, settings = world(), make_lake("lake")
    run(settings, [events])
    before = changes(settings)
    last = START + timedelta(days=DAYS - 1)
    run(settings, [pl.DataFrame([event(10**6, "4500000011", DAYS - 2)], schema=EVENT_SCHEMA)])
    changed = changes(settings).join(before, on=before.columns, how="anti", nulls_equal=True)
    assert changes(settings).height == before.height + changed.height
    assert set(changed["User"]) == {"4500000011"}
    assert set(changed["Date"]) == {last - timedelta(days=1), last}


def changes(settings: Settings) -> pl.DataFrame:
    return store.scan(table_uri(settings.lake_uri, names.FEATURE_CHANGES)).collect()


def test_each_row_of_gold_was_last_named_as_it_is(make_lake: Callable[[str], Settings]) -> None:
    settings = make_lake("lake")
    for batch in pieces(world(), 12):
        run(settings, [batch])
    named, (_, gold) = (
        changes(settings).drop("changed_on", "base_version"),
        silver_and_gold(settings),
    )
    assert named.join(gold, on=gold.columns, how="semi", nulls_equal=True).height == gold.height
    assert named.is_duplicated().sum() == 0


def test_a_day_that_is_not_over_fills_nobody(make_lake: Callable[[str], Settings]) -> None:
    settings = make_lake("lake")
    now = FixedClock(datetime(2026, 3, 2, 12, tzinfo=UTC))
    first = [event(1, "4500000001", 0), event(2, "4500000002", 0)]
    Transform(settings, now).apply_events(pl.DataFrame(first, schema=EVENT_SCHEMA))
    second = pl.DataFrame([event(3, "4500000001", 1)], schema=EVENT_SCHEMA)
    Transform(settings, now).apply_events(second)
    _, gold = silver_and_gold(settings)
    assert gold.group_by("Date").len().sort("Date")["len"].to_list() == [2, 1]
    third = pl.DataFrame([event(4, "4500000001", 1)], schema=EVENT_SCHEMA)
    Transform(settings, LATER).apply_events(third)
    _, gold = silver_and_gold(settings)
    assert gold.group_by("Date").len().sort("Date")["len"].to_list() == [2, 2]


def test_a_day_that_a_fast_clock_has_closed_takes_what_comes_after_all(
    make_lake: Callable[[str], Settings],
) -> None:
    settings = make_lake("lake")
    noon = FixedClock(datetime(2026, 3, 2, 12, tzinfo=UTC))
    slow, fast = "4500000001", "4500000002"
    sent = [event(1, slow, 0), event(2, fast, 0), event(3, fast, 2), event(4, slow, 1)]
    for one in sent[:-1]:
        Transform(settings, noon).apply_events(pl.DataFrame([one], schema=EVENT_SCHEMA))
    today = pl.col("Date") == date(2026, 3, 2)
    _, gold = silver_and_gold(settings)
    silent = gold.filter(today, User=slow)
    assert len(silent) == 1, "a day that is not over counts as silent"
    late = pl.DataFrame(sent[-1:], schema=EVENT_SCHEMA)
    Transform(settings, noon).apply_events(late)
    _, gold = silver_and_gold(settings)
    made_up_for = gold.filter(today, User=slow)
    assert len(made_up_for) == 1 and not made_up_for.equals(silent)
    punctual = make_lake("punctual")
    Transform(punctual, noon).apply_events(pl.DataFrame(sent, schema=EVENT_SCHEMA))
    _, expected = silver_and_gold(punctual)
    assert gold.sort("User", "Date").equals(expected.sort("User", "Date"))


def test_a_commit_of_another_writer_in_between_is_retried_over(
    make_lake: Callable[[str], Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = run(make_lake("lake"), [world()])
    table = DeltaTableWriter(settings.lake_uri, contracts.SILVER_DAILY, {})
    row = table.read().head(1).collect()
    stale = table._open()
    table.upsert(row.with_columns(events=pl.lit(7, dtype=pl.Int64)), row)
    opened = [stale]
    fresh = table._open
    monkeypatch.setattr(table, "_open", lambda: opened.pop() if opened else fresh())
    table.upsert(row.with_columns(events=pl.lit(8, dtype=pl.Int64)), row)
    found = table.read().join(row.lazy(), on=["User", "Date"], how="semi").collect()
    assert found["events"].to_list() == [8]


def test_a_days_sum_stops_at_the_greatest_value_of_its_column_and_nothing_else_stops(
    make_lake: Callable[[str], Settings],
) -> None:
    count = 1_001
    largest = {spec.name: spec.maximum for spec in MEASURES}
    rows = [event(number, "4500000001", 0) | largest for number in range(count)]
    events = pl.DataFrame(rows, schema=EVENT_SCHEMA)
    whole = run(make_lake("whole"), [events])
    (day,) = silver_and_gold(whole)[0].to_dicts()
    assert day["events"] == count
    assert {day[spec.name] for spec in MEASURES if spec.kind == "decimal"} == {contracts.DAY_MAX}
    assert day["DP_MOC_COUNT"] == count * contracts.COUNT_MAX
    assert_same(whole, run(make_lake("parts"), pieces(events, 7)))
