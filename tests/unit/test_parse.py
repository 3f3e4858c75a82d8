"""The bulk reader agrees with the validator on every message, and leaves the rest to it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakehouse.domains.cdr.domain import EVENTS, OUTCOMES
from pyspark_jobs.ingest.parse import parse, read_bulk
from pyspark_jobs.ingest.rules import Rules
from pyspark_jobs.ingest.validation import validate

RECEIVED = datetime(2026, 6, 2, tzinfo=UTC)
RULES = Rules(EVENTS, RECEIVED, oldest=date(2026, 5, 20))
GOOD: dict[str, Any] = {
    "id": 1,
    "DP_DATE": "2026-06-01T10:11:12.123000Z",
    "DP_MSISDN": "4512345678",
    "DP_MOC_COUNT": 3,
    "DP_MOC_DURATION": 12.5,
    "DP_MTC_COUNT": 0,
    "DP_MTC_DURATION": 33,
    "DP_MOSMS_COUNT": 1,
    "DP_MTSMS_COUNT": 2,
    "DP_DATA_COUNT": 3,
    "DP_DATA_VOLUME": 1_000_000.25,
    "event_id": "history:7",
    "emitted_at": "2026-06-01T10:11:12.123456Z",
}


def wire(*messages: bytes | None) -> pl.DataFrame:
    count = len(messages)
    return pl.DataFrame(
        {
            "key": pl.Series([b"k"] * count, dtype=pl.Binary),
            "value": pl.Series(messages, dtype=pl.Binary),
            "topic": ["cdr-events"] * count,
            "partition": pl.Series([0] * count, dtype=pl.Int32),
            "offset": pl.Series(range(count), dtype=pl.Int64),
            "kafka_timestamp": pl.Series([RECEIVED] * count, dtype=pl.Datetime("us", "UTC")),
        }
    )


def message(**changes: Any) -> bytes:
    return json.dumps(GOOD | changes, separators=(",", ":")).encode()


def parsed(*messages: bytes | None, rules: Rules = RULES) -> pl.DataFrame:
    return parse(wire(*messages), rules, rules.feed.bronze).sort("offset")


def test_good_lines_are_read_in_bulk() -> None:
    good, left = read_bulk(wire(message(), message(event_id="history:8")), RULES)
    assert (good.height, left.height) == (2, 0)


@pytest.mark.parametrize(
    "raw",
    [
        message(columns=1),
        message(æ=1),
        message(DP_MOC_COUNT=-1),
        message(DP_DATE="2026-01-01T00:00:00Z"),
        message(event_id='a":b'),
        b"{",
        b"\xff",
        None,
        message() + b"\n" + message(),
        message()[:-1] + b",}",
    ],
)
def test_anything_else_is_left_to_the_validator_and_harms_no_other_message(
    raw: bytes | None,
) -> None:
    good, left = read_bulk(wire(message(), raw, message()), RULES)
    assert good["offset"].to_list() == [0, 2]
    assert left["offset"].to_list() == [1]


def test_every_message_has_exactly_one_home() -> None:
    rows = parsed(message(), b"junk", message(extra="kept"), message(DP_MOC_COUNT=-1), None)
    assert rows["offset"].to_list() == [0, 1, 2, 3, 4]
    assert rows["reasons"].to_list() == [None, "not_json", None, "out_of_range", "not_json"]
    assert rows["extras"].to_list() == [None, None, '{"extra":"kept"}', None, None]
    assert rows["raw"].to_list()[1] == b"junk"


def test_amounts_keep_their_thousandths_and_long_numbers_all_digits() -> None:
    rows = parsed(message(DP_MOC_DURATION=0.125, id=1234567890123456789))
    assert str(rows["DP_MOC_DURATION"][0]) == "0.125"
    assert rows["id"][0] == 1234567890123456789


def test_outcomes_are_read_by_the_same_reader() -> None:
    rules = Rules(OUTCOMES, RECEIVED)
    known = {"DP_MSISDN": "4512345678", "date": "2026-05-01", "PSEUDO_CHURNED": 1}
    raw = json.dumps(known | {"known_at": "2026-06-01"}, separators=(",", ":")).encode()
    rows = parsed(raw, json.dumps(known).encode(), rules=rules)
    assert rows["PSEUDO_CHURNED"].to_list() == [1, None]
    assert rows["reasons"].to_list() == [None, "missing_field"]


@pytest.mark.parametrize(
    ("raw", "extras"),
    [
        (message(plan="gold"), '{"plan":"gold"}'),
        (message(plan="g\u00f8ld", cell={"b": 1, "a": [None]}), None),
        (message(plan=1, cell=2.5, b=True), '{"b":true,"cell":2.5,"plan":1}'),
        (message(DP_MOC_COUNT="3", DP_MOC_DURATION="12.5"), None),
        (message(DP_MOC_COUNT=3.0, DP_MSISDN=4512345678), None),
        (message().replace(b"history", b"h\\u0069story"), None),
        (message().replace(b",", b" ,\r\n\t").replace(b":", b" : ", 2) + b"\n", None),
    ],
)
def test_messages_in_another_form_are_read_in_bulk_too(raw: bytes, extras: str | None) -> None:
    good, left = read_bulk(wire(raw), RULES)
    assert (good.height, left.height) == (1, 0)
    (row,) = validate(raw, RULES).rows
    assert good["extras"].item() == row["extras"]
    assert extras is None or row["extras"] == extras


def test_one_that_is_not_known_is_refused_in_bulk_too() -> None:
    rules = replace(RULES, known=frozenset({"4512345678"}))
    rows = parsed(message(), message(DP_MSISDN="4512345679"), rules=rules)
    assert rows["reasons"].to_list() == [None, "unknown_subscriber"]


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2_000_000),
    st.floats(allow_nan=False),
    st.text(max_size=20),
    st.sampled_from(["33", "2026-06-01T00:00:00Z", "2026-13-01", "45123456", "a:1", "1e3", " 3"]),
    st.lists(st.integers(), max_size=2),
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from([*GOOD, "extra"]), VALUES, max_size=3), st.booleans())
def test_what_the_bulk_reader_accepts_the_validator_reads_alike(
    changes: dict[str, Any], spaced: bool
) -> None:
    raw = json.dumps(GOOD | changes, separators=(", ", ": ") if spaced else (",", ":")).encode()
    good, _ = read_bulk(wire(raw), RULES)
    result = validate(raw, RULES)
    if good.height:
        assert result.violations == []
        row = good.row(0, named=True)
        for name, value in result.rows[0].items():
            if name != "extras":
                read = float(row[name]) if isinstance(value, float) else row[name]
                assert read == value
