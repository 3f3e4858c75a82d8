"""Every kind of field, through every reader and writer: both readers agree on every value."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import types as t

from lakehouse import store
from lakehouse.contracts import BATCH, EXTRAS, WIRE, Contract, Field, Kind, quarantine
from lakehouse.domain import Feed
from lakehouse.domains.settings import Settings
from lakehouse.json_schemas import json_schema
from lakehouse.kinds import KINDS, polars_schema
from lakehouse.names import QueryIdentity, table_uri
from lakehouse.settings.model import LakeSettings
from pyspark_jobs.delta import tables
from pyspark_jobs.delta.table_writer import DeltaTableWriter
from pyspark_jobs.ingest.batch_writer import BatchWriter, WrittenFile, files_of
from pyspark_jobs.ingest.parse import parse, parsed_fields, read_bulk, validate_each
from pyspark_jobs.ingest.rules import Rules

NOW = datetime(2026, 6, 2, tzinfo=UTC)
DAY = date(2026, 6, 1)
MOMENT = datetime(2026, 6, 1, 10, 11, 12, 123456, tzinfo=UTC)
BIG = 2**63 - 1
# Of each kind: JSON that is good with the value that it stands for, and JSON that is refused.
CASES: dict[Kind, tuple[dict[str, Any], tuple[str, ...]]] = {
    "string": (
        {'"a"': "a", '""': "", '"\\u00e6\\n"': "æ\n", '"ø"': "ø", "12": "12", "12.0": "12"},
        ("1.5", "true", "[]", "{}", '"\\ud800"'),
    ),
    "int": (
        {"0": 0, "-1": -1, "2147483647": 2**31 - 1, "-2147483648": -(2**31), "3.0": 3, '"4"': 4},
        ("2147483648", "-2147483649", "1.5", '"x"', "true", "1e400", "9" * 30),
    ),
    "long": (
        {str(BIG): BIG, str(-BIG - 1): -BIG - 1, "1e3": 1000, "9007199254740993.0": 2**53 + 1},
        (str(BIG + 1), "0.1", '""', "false", "1e-400", "1e999999999"),
    ),
    "decimal": (
        {
            "999999999999999.999": Decimal("999999999999999.999"),
            "-999999999999999.999": Decimal("-999999999999999.999"),
            "0.1": Decimal("0.100"),
            "1e3": Decimal("1000.000"),
            "0.12345": Decimal("0.123"),
            "-0.0": Decimal("0.000"),
        },
        ("1000000000000000", "1e400", "1e99999999999999999999", '"x"', "true"),
    ),
    "double": (
        {
            "0.1": 0.1,
            "0.8444218515250481": 0.8444218515250481,
            "5": 5.0,
            "-0.0": -0.0,
            "1e-400": 0.0,
            "1.7976931348623157e308": 1.7976931348623157e308,
            '"2.5"': 2.5,
            "123456789012345678": 123456789012345678.0,
        },
        ("1e400", "-1e400", "9" * 400, "true", '"x"'),
    ),
    "boolean": ({"true": True, "false": False}, ("1", "0", '"true"', "[]")),
    "date": (
        {'"2026-06-01"': DAY, '"2000-01-01"': date(2000, 1, 1), '"2026-06-01T23:00Z"': DAY},
        ('"2026-13-01"', '"9999-12-31"', '"1999-12-31"', "20260601", '""'),
    ),
    "timestamp": (
        {
            '"2026-06-01T10:11:12.123456Z"': MOMENT,
            '"2026-06-01 12:11:12.123456+02:00"': MOMENT,
            '"2000-01-01T00:00:00Z"': datetime(2000, 1, 1, tzinfo=UTC),
        },
        ('"9999-12-31T23:59:59Z"', '"0001-01-01T00:00:00Z"', "17", '"9999-12-31T23:59:59-01:00"'),
    ),
    "binary": ({'"AP8="': b"\x00\xff", '""': b""}, ('"A"', "1", '"ø"', '"AP8"')),
    "longs": (
        {"[]": [], f"[{BIG}, -1]": [BIG, -1], "[2.0]": [2]},
        ("1", "[null]", '["x"]', f"[{BIG + 1}]", "[[1]]"),
    ),
    "doubles": ({"[0.1, 2]": [0.1, 2.0], "[ ]": []}, ("[1e400]", "[true]", "{}")),
    "strings": ({'["a","\\u00e6"]': ["a", "æ"]}, ('["\\ud800"]', "[null]", '"a"')),
}
GOOD = [(kind, text, value) for kind, (good, _) in CASES.items() for text, value in good.items()]
BAD = [(kind, text) for kind, (_, bad) in CASES.items() for text in bad]


def feed_of(kind: Kind, nullable: bool = False) -> Feed:
    message = Contract("toy", (Field("x", kind, "a value", nullable),), key=("x",))
    columns = (*message.fields, EXTRAS, *WIRE, *BATCH)
    bronze = Contract("bronze.toy", columns, key=("topic", "partition", "offset"))
    identity = QueryIdentity("ingest", "bronze.toy", 1)
    return Feed(identity, "toy", message, bronze, quarantine("quarantine.toy"))


def wire(*values: bytes) -> pl.DataFrame:
    count = len(values)
    return pl.DataFrame(
        {
            "key": pl.Series([b"k"] * count, dtype=pl.Binary),
            "value": pl.Series(values, dtype=pl.Binary),
            "topic": ["toy"] * count,
            "partition": pl.Series([0] * count, dtype=pl.Int32),
            "offset": pl.Series(range(count), dtype=pl.Int64),
            "kafka_timestamp": pl.Series([NOW] * count, dtype=pl.Datetime("us", "UTC")),
        }
    )


def by_both(feed: Feed, *values: bytes) -> pl.DataFrame:
    """What the two readers make of the messages, which must be the same, east and west of UTC."""
    messages = wire(*values)
    schema = {spec.name: KINDS[spec.kind].polars for spec in parsed_fields(feed.bronze)}
    for timezone in ("America/New_York", "Europe/Copenhagen"):
        rules = Rules(feed, NOW, timezone=timezone)
        rows = parse(messages, rules, feed.bronze).sort("offset")
        assert rows.equals(validate_each(messages, rules, schema).sort("offset"))
    return rows


def test_every_kind_has_its_cases() -> None:
    assert set(CASES) == set(get_args(Kind)) == set(KINDS)
    assert len(CASES) == 12


@pytest.mark.parametrize(("kind", "text", "value"), GOOD)
def test_a_good_value_is_read_in_bulk_and_means_the_same_to_both(
    kind: Kind, text: str, value: Any
) -> None:
    feed, raw = feed_of(kind), f'{{"x":{text}}}'.encode()
    rows = by_both(feed, raw)
    assert rows["reasons"].to_list() == [None]
    found = rows["x"].to_list()[0]
    assert (found, str(found)) == (value, str(value))
    assert read_bulk(wire(raw), Rules(feed, NOW))[1].is_empty()


@pytest.mark.parametrize(("kind", "text"), BAD)
def test_a_wrong_value_is_refused_by_both(kind: Kind, text: str) -> None:
    rows = by_both(feed_of(kind), f'{{"x":{text}}}'.encode(), b'{"x":null}', b"{}")
    first, *rest = rows["reasons"].to_list()
    assert first in ("wrong_type", "out_of_range", "bad_date")
    assert rest == ["missing_field"] * 2


@pytest.mark.parametrize("kind", CASES)
def test_null_and_nothing_are_read_in_bulk_where_a_field_may_be_missing(kind: Kind) -> None:
    feed = feed_of(kind, nullable=True)
    rows = by_both(feed, b'{"x":null}', b'{"y":1}')
    assert rows.select("x", "extras", "reasons").rows() == [
        (None, None, None),
        (None, '{"y":1}', None),
    ]
    assert read_bulk(wire(b'{"x":null}', b'{"y":1}'), Rules(feed, NOW))[1].is_empty()


JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.integers(-(2**70), 2**70),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(),
        st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
        st.dates().map(str),
        st.decimals(allow_nan=False, allow_infinity=False).map(str),
        st.binary().map(lambda raw: raw.hex()),
    ),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=5,
)


@settings(deadline=None, max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(CASES)), st.booleans(), JSON, st.dictionaries(st.text(), JSON))
def test_whatever_a_producer_sends_both_readers_agree_and_nothing_is_raised(
    kind: Kind, spaced: bool, value: Any, extras: dict[str, Any]
) -> None:
    text = json.dumps(extras | {"x": value}, indent=1 if spaced else None)
    by_both(feed_of(kind), text.encode(), text.encode()[:-1])


NUMBERS = st.from_regex(
    r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?", fullmatch=True
)


@settings(deadline=None, max_examples=400)
@given(st.sampled_from(["int", "long", "decimal", "double", "boolean", "doubles"]), NUMBERS)
def test_every_way_to_write_a_number_means_the_same_to_both(kind: Kind, number: str) -> None:
    by_both(feed_of(kind), f'{{"x":{number}}}'.encode(), f'{{"x":[1],"y":{number}}}'.encode())


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(sorted(CASES)), st.binary(max_size=12))
def test_bytes_that_are_no_json_are_refused_by_both(kind: Kind, junk: bytes) -> None:
    by_both(feed_of(kind), junk, b'{"x":' + junk + b"}", b'{"x":1,"y":' + junk + b"}")


@pytest.mark.parametrize("kind", CASES)
def test_a_kind_is_written_to_delta_and_read_back(kind: Kind, tmp_path: Path) -> None:
    feed, lake = feed_of(kind, nullable=True), str(tmp_path / "lake")
    tables.create_missing(Settings(lake=LakeSettings(uri=lake)), feed.bronze)
    good = CASES[kind][0]
    texts = [*good, "null"]
    rows = wire(*(f'{{"x":{text}}}'.encode() for text in texts)).drop("topic")
    writer = BatchWriter(Rules(feed, NOW), lake, {}, 1)
    batches = rows.to_arrow(compat_level=pl.CompatLevel.oldest()).to_batches()
    written = [WrittenFile(**row) for one in writer.write(iter(batches)) for row in one.to_pylist()]
    DeltaTableWriter(lake, feed.bronze, {}).append_files(files_of(written, True), "q", 1, NOW)
    stored = store.scan(table_uri(lake, feed.bronze.name)).sort("offset").collect()
    assert stored["x"].to_list() == [*good.values(), None]
    assert dict(stored.schema) == polars_schema(feed.bronze)


@pytest.mark.parametrize("kind", CASES)
def test_a_kind_has_a_type_in_spark_and_in_json_schema(kind: Kind) -> None:
    message = feed_of(kind).message
    assert not isinstance(tables.schema(message)["x"].dataType, t.NullType)
    assert json_schema(message)["properties"]["x"]["type"] == KINDS[kind].json["type"]
