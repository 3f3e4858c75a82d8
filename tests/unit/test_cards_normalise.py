"""Whatever a source sends arrives in the training format, or unchanged to be refused."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import Any

import pytest

from flaskapp.cards.source import COLUMNS, body
from flaskapp.cards.world.world import World
from lakehouse.domains.cards.contracts import TRANSACTION
from lakehouse.domains.cards.domain import TRANSACTIONS
from lakehouse.domains.cards.messages import read_fast
from lakehouse.domains.cards.normalise import normalise
from pyspark_jobs.ingest.rules import Rules
from pyspark_jobs.ingest.validation import validate

NOW = datetime(2026, 11, 1, tzinfo=UTC)
RULES = Rules(TRANSACTIONS, NOW)
ROWS = [one.row for one in World(12, start=datetime(2026, 3, 1, tzinfo=UTC)).transactions(6)]


def one(record: dict[str, Any]) -> dict[str, Any]:
    """The single message that a record becomes."""
    (message,) = normalise(json.dumps(record).encode())
    found: dict[str, Any] = json.loads(message.value)
    return found


def test_the_source_has_twenty_one_columns_and_the_training_format_twenty_three() -> None:
    assert len(COLUMNS) == 21
    assert len(TRANSACTION.names) == 23


@pytest.mark.parametrize("number", range(1, 8), ids=lambda number: f"call {number}")
def test_every_form_of_the_source_gives_the_training_format(number: int) -> None:
    """A plain answer, JSON in a string, and a renamed column: all give the same messages."""
    messages = normalise(body(ROWS[:5], number))
    assert [json.loads(message.value) for message in messages] == ROWS[:5]
    assert [list(json.loads(message.value)) for message in messages] == [
        list(TRANSACTION.names)
    ] * 5
    assert [message.key for message in messages] == [row["cc_num"] for row in ROWS[:5]]


def test_a_card_number_of_nineteen_digits_keeps_every_digit() -> None:
    assert one({"cc_num": 4497913965512794052})["cc_num"] == "4497913965512794052"
    assert one({"cc_num": 4745996322265.0})["cc_num"] == "4745996322265"


@pytest.mark.parametrize(
    ("given", "moment", "seconds"),
    [
        ({"current_time": 1732732699617}, "2024-11-27 18:38:19", 1732732699),
        ({"unix_time": 1732732699617}, "2024-11-27 18:38:19", 1732732699),
        ({"unix_time": "1371816865"}, "2013-06-21 12:14:25", 1371816865),
        (
            {"trans_date_trans_time": "2020-06-21 12:14:25", "unix_time": 1371816865},
            "2020-06-21 12:14:25",
            1371816865,
        ),
        (
            {"trans_date_trans_time": "2020-06-21T14:14:25+02:00", "unix_time": 1592741665},
            "2020-06-21 12:14:25",
            1592741665,
        ),
    ],
)
def test_times_are_utc_and_in_seconds(given: dict[str, Any], moment: str, seconds: int) -> None:
    found = one(given)
    assert (found["trans_date_trans_time"], found["unix_time"]) == (moment, seconds)


def test_extra_columns_are_kept_and_renamed_ones_recognised() -> None:
    found = one({"amount": "12.50", "lng": "-86.1", "zip": 501, "device": {"id": 7}})
    assert found == {"amt": 12.5, "zip": "00501", "long": -86.1, "device": {"id": 7}}


@pytest.mark.parametrize("empty", [b"[]", b'"[]"', body([], 1), body([], 3)], ids=bytes.decode)
def test_an_answer_without_transactions_is_no_message(empty: bytes) -> None:
    assert normalise(empty) == []


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"])
def test_a_moment_outside_of_the_calendar_is_passed_on_as_it_came(text: str) -> None:
    assert one({"trans_date_trans_time": text})["trans_date_trans_time"] == text
    raw = json.dumps(ROWS[0] | {"trans_date_trans_time": text, "unix_time": None}).encode()
    (message,) = normalise(raw)
    assert "bad_date" in validate(message.value, RULES).reasons


@pytest.mark.parametrize(
    ("name", "reasons"), [("cc_num", "wrong_type"), ("merchant", "wrong_type"), ("device", "")]
)
def test_half_of_a_surrogate_pair_is_passed_on_as_an_escape(name: str, reasons: str) -> None:
    given = {**ROWS[0], name: "\ud800 caf\u00e9"}
    (message,) = normalise(json.dumps(given).encode())
    assert json.loads(message.value) == given
    assert message.key == (None if name == "cc_num" else ROWS[0]["cc_num"])
    assert validate(message.value, RULES).reasons == reasons


def test_an_answer_of_any_depth_is_read_or_passed_on_as_it_came() -> None:
    """Somewhere between the two, it can be read but not written."""
    for depth in range(1, sys.getrecursionlimit() + 10):
        raw = b'{"x":' + b"[" * depth + b"]" * depth + b"}"
        assert [one.value for one in normalise(raw)] == [raw]


def test_an_export_with_foreign_messages_is_sorted_out() -> None:
    """202 messages: good ones in two layouts, doubled ones, and those of other topics."""
    split = [body([row], number) for number, row in enumerate(ROWS[:60])]
    plain = [json.dumps(row).encode() for row in ROWS[60:110]]
    good = [*split, *plain, *split[:40], *plain[:36]]
    foreign = {
        b'{"ordertime": 1497014222380, "orderid": 18, "itemid": "Item_184"}': "missing_field",
        b"\x00\x00\x00\x00\x05\x12binary": "not_json",
        b"hello": "not_json",
        b"[1, 2]": "not_object",
        b"null": "not_object",
        b"": "not_json",
        json.dumps({**ROWS[0], "amt": -5}).encode(): "out_of_range",
        json.dumps({**ROWS[0], "amt": "much"}).encode(): "wrong_type",
        json.dumps({**ROWS[0], "cc_num": "12 34"}).encode(): "wrong_type",
        json.dumps({**ROWS[0], "trans_date_trans_time": "soon", "unix_time": None}).encode(): (
            "bad_date"
        ),
        json.dumps({**ROWS[0], "trans_num": None}).encode(): "missing_field",
    }
    export = [*good, *foreign, *[b"hello"] * (202 - len(good) - len(foreign))]
    assert len(export) == 202
    judged = [(raw, validate(message.value, RULES)) for raw in export for message in normalise(raw)]
    accepted = [result for raw, result in judged if raw in good]
    assert [result.reasons for result in accepted] == [""] * len(good)
    for raw, result in judged:
        if raw in foreign:
            assert foreign[raw] in result.reasons.split(","), raw


def test_what_is_read_fast_is_what_validation_would_read() -> None:
    for row in ROWS:
        raw = json.dumps(row).encode()
        fast, slow = read_fast(raw, NOW), validate(raw, RULES)
        assert fast is not None
        (values,) = slow.rows
        plain = {name: getattr(fast.row, name) for name in TRANSACTION.names}
        moment = plain.pop("trans_date_trans_time")
        assert values.pop("trans_date_trans_time").strftime("%Y-%m-%d %H:%M:%S") == moment
        values.pop("extras"), values.pop("event_date")
        assert plain == values


@pytest.mark.parametrize(
    "change",
    [
        {"amt": -1}, {"amt": "5"}, {"amt": None}, {"cc_num": 5}, {"cc_num": "1\n"}, {"lat": 91},
        {"trans_date_trans_time": "1999-12-31 23:59:59"}, {"unknown": 1}, {"is_fraud": 2},
        {"trans_date_trans_time": "2126-01-01 00:00:00"}, {"city_pop": 2**63}, {"dob": "1.1.70"},
        {"trans_num": ""}, {"trans_num": "a\n"}, {"category": None}, {"is_fraud": True},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_odd_is_left_to_validation(change: dict[str, Any]) -> None:
    assert read_fast(json.dumps(ROWS[0] | change).encode(), NOW) is None
