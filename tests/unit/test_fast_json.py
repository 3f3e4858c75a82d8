"""The fast reader: what it takes means what JSON says, and it takes nothing else."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse.contracts import Contract, Field
from lakehouse.domains.cdr.contracts import CDR_EVENT
from pyspark_jobs.ingest.fast_json import read
from pyspark_jobs.ingest.json_values import CONVERTERS, decode

TRIO = Contract(
    "trio",
    (
        Field("n", "long", "", nullable=True),
        Field("x", "decimal", "", nullable=True),
        Field("at", "timestamp", "", nullable=True),
    ),
    key=("n",),
)
GOOD = b'{"n":1,"x":2.5,"at":"2026-03-05T10:11:12.123Z"}'


def one(raw: bytes | None) -> tuple[Any, ...] | None:
    found = read(pl.Series([raw, GOOD], dtype=pl.Binary), TRIO)
    assert found.is_read[1]
    return tuple(column[0] for column in found.columns) if found.is_read[0] else None


@pytest.mark.parametrize(
    ("raw", "row"),
    [
        (GOOD, (1, "2.500", "2026-03-05T10:11:12.123000")),
        (b'{"at":"2024-02-29T00:00:00Z","x":0,"n":-7}', (-7, "0.000", "2024-02-29T00:00:00")),
        (
            b'{ "n": 0 , "x" : -0.125 , "at" : "1969-12-31T23:59:59.999999Z" }',
            (0, "-0.125", "1969-12-31T23:59:59.999999"),
        ),
        (
            b'{"n":123456789012345678,"x":999999999999999.999,"at":"9999-12-31T23:59:59Z"}',
            (123456789012345678, "999999999999999.999", "9999-12-31T23:59:59"),
        ),
    ],
)
def test_plain_objects_are_read(raw: bytes, row: tuple[int, str, str]) -> None:
    moment = datetime.fromisoformat(row[2]).replace(tzinfo=UTC)
    assert one(raw) == (row[0], Decimal(row[1]), moment)


@pytest.mark.parametrize(
    ("raw", "n", "x", "extras"),
    [
        (GOOD + b" ", 1, "2.500", None),
        (GOOD.replace(b"1,", b"1.0,"), 1, "2.500", None),
        (GOOD.replace(b"1,", b"1e2,"), 100, "2.500", None),
        (GOOD.replace(b"1,", b'"1",'), 1, "2.500", None),
        (GOOD.replace(b"1,", b"1234567890123456789,"), 1234567890123456789, "2.500", None),
        (GOOD.replace(b"1,", b"\tnull\r\n,"), None, "2.500", None),
        (GOOD.replace(b"2.5", b"2.1234"), 1, "2.123", None),
        (GOOD.replace(b'"x":2.5,', b""), 1, None, None),
        (GOOD.replace(b'"x"', b'"y"'), 1, None, '{"y":2.5}'),
        (GOOD.replace(b"Z", b"+00:00"), 1, "2.500", None),
        (GOOD.replace(b"1,", b'1,"b":1.50,"a" : {"c" : "\\u00e6"},'), 1, "2.500",
         '{"a":{"c":"\\u00e6"},"b":1.5}'),
        (GOOD.replace(b"1,", b'1,"b":1,"b":2,'), 1, "2.500", '{"b":2}'),
    ],
)  # fmt: skip
def test_values_in_another_form_are_read_too(
    raw: bytes, n: int | None, x: str | None, extras: str | None
) -> None:
    found = read(pl.Series([raw], dtype=pl.Binary), TRIO)
    assert found.is_read[0]
    amount = None if x is None else Decimal(x)
    assert [column[0] for column in found.columns[:2]] == [n, amount]
    assert found.extras[0] == extras


@pytest.mark.parametrize(
    "raw",
    [
        None,
        b"",
        b"{}",
        GOOD[:-1],
        GOOD + GOOD,
        GOOD.replace(b"1,", b"01,"),
        GOOD.replace(b"1,", b"-,"),
        GOOD.replace(b"1,", b"99999999999999999999999,"),
        GOOD.replace(b"2.5", b"2."),
        GOOD.replace(b"2.5", b".5"),
        GOOD.replace(b"2.5", b"NaN"),
        GOOD.replace(b'"x"', b'"n"'),
        GOOD.replace(b"10:11", b"24:11"),
        GOOD.replace(b"-03-", b"-13-"),
        GOOD.replace(b"03-05", b"02-29"),
        GOOD.replace(b"03-05", b"04-31"),
        GOOD.replace(b"10", b"\\u0031", 1),
        GOOD.replace(b"1,", b'1,"columns":1,'),
        GOOD.replace(b"1,", b'1,"\\u0078":1,'),
        GOOD.replace(b"1,", b'1,"extra":[1}],'),
        GOOD.replace(b"1,", b'1,"extra":01,'),
        GOOD.replace(b"1,", b'1,"extra":NaN,'),
        GOOD.replace(b"1,", b'1,"extra":nul,'),
        GOOD.replace(b"1,", b'1,"extra":"\xff",'),
        GOOD.replace(b"10", b"\xff\xff"),
        GOOD.replace(b",", b",,", 1),
        GOOD.replace(b":", b"", 1),
    ],
)
def test_anything_else_is_left_alone(raw: bytes | None) -> None:
    assert one(raw) is None


@settings(deadline=None)
@given(st.dates(date(1, 1, 1)))
def test_every_day_of_the_calendar_is_where_it_belongs(day: date) -> None:
    found = one(b'{"n":1,"x":1,"at":"' + day.isoformat().encode() + b'T00:00:00Z"}')
    assert found is not None
    assert found[2] == datetime(day.year, day.month, day.day, tzinfo=UTC)


EVENT = (
    b'{"id":1,"DP_DATE":"2026-06-01T10:11:12.123Z","DP_MSISDN":"4512345678","DP_MOC_COUNT":3,'
    b'"DP_MOC_DURATION":12.5,"DP_MTC_COUNT":0,"DP_MTC_DURATION":33,"DP_MOSMS_COUNT":1,'
    b'"DP_MTSMS_COUNT":2,"DP_DATA_COUNT":3,"DP_DATA_VOLUME":1000000.25,"event_id":"history:7",'
    b'"emitted_at":"2026-06-01T10:11:12.123456Z"}'
)


@settings(deadline=None, max_examples=300)
@given(
    st.integers(0, len(EVENT) - 1),
    st.integers(0, 3),
    st.one_of(st.binary(max_size=3), st.sampled_from([b",", b'"', b"}", b"0", b"-", b" ", b":"])),
)
def test_a_damaged_message_is_refused_or_still_says_the_same(
    at: int, removed: int, put: bytes
) -> None:
    raw = EVENT[:at] + put + EVENT[at + removed :]
    found = read(pl.Series([raw]), CDR_EVENT)
    if not found.is_read[0]:
        return
    said = decode(raw)
    extras = {name: said[name] for name in sorted(said) if name not in CDR_EVENT.names}
    kept = json.dumps(extras, separators=(",", ":")) if extras else None
    assert found.extras[0] == kept
    for column, field in zip(found.columns, CDR_EVENT.fields, strict=True):
        value, meant = column[0], said.get(field.name)
        assert value == (None if meant is None else CONVERTERS[field.kind](meant))
