"""The validator: every reason, and everything that is unusual but good."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from lakehouse.domains.cdr.contracts import REASONS
from lakehouse.domains.cdr.domain import EVENTS, OUTCOMES
from pyspark_jobs.ingest import validation
from pyspark_jobs.ingest.rules import Rules
from pyspark_jobs.ingest.validation import Validation, validate

NOW = datetime(2026, 6, 2, tzinfo=UTC)
RULES = Rules(
    EVENTS,
    NOW,
    max_bytes=2_000,
    oldest=date(2026, 5, 20),
    known=frozenset({"4512345678"}),
)
GOOD: dict[str, Any] = {
    "id": 1,
    "DP_DATE": "2026-06-01T10:11:12.123Z",
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


def message(**changes: Any) -> bytes:
    return json.dumps(GOOD | changes).encode()


def without(name: str) -> bytes:
    return json.dumps({key: value for key, value in GOOD.items() if key != name}).encode()


def judged(raw: bytes | None) -> Validation:
    return validate(raw, RULES)


@pytest.mark.parametrize(
    ("raw", "reasons"),
    [
        (None, "not_json"),
        (b"", "not_json"),
        (b"{", "not_json"),
        (b"\xff\xfe", "not_json"),
        (b'{"a": NaN}', "not_json"),
        (b"[" * 1_500, "not_json"),
        (b"[1]", "not_object"),
        (b'"text"', "not_object"),
        (b'{"columns": ["id"], "data": [[1, 2]]}', "not_object"),
        (without("DP_DATA_VOLUME"), "missing_field"),
        (message(id=None), "missing_field"),
        (message(DP_MOC_COUNT="many"), "wrong_type"),
        (message(DP_MOC_COUNT=33.5), "wrong_type"),
        (message(DP_MOC_COUNT=True), "wrong_type"),
        (message(DP_MOC_COUNT=[3]), "wrong_type"),
        (message(DP_MOC_DURATION={}), "wrong_type"),
        (message(event_id="no sequence"), "wrong_type"),
        (message(DP_MOC_COUNT=-1), "out_of_range"),
        (message(DP_MOC_COUNT=1_000_001), "out_of_range"),
        (message(DP_DATA_VOLUME=-0.5), "out_of_range"),
        (message(id=2**63), "out_of_range"),
        (message(DP_MSISDN="12ab"), "bad_msisdn"),
        (message(DP_MSISDN="4512345679"), "unknown_subscriber"),
        (message(DP_DATE="2024-25-26"), "bad_date"),
        (message(DP_DATE="2026-06-03T00:00:01Z"), "bad_date"),
        (message(DP_DATE="1970-01-01T00:00:00Z"), "bad_date"),
        (message(emitted_at=17), "bad_date"),
        (message(emitted_at="2026-06-03T00:00:01Z"), "bad_date"),
        (message(DP_DATE="2026-05-19T23:59:59Z"), "too_late"),
        (message(note="x" * 2_000), "too_large"),
        (message(DP_MOC_COUNT=-1, DP_MSISDN="4512345679"), "out_of_range,unknown_subscriber"),
    ],
)
def test_a_bad_message_is_refused_with_all_its_reasons(raw: bytes | None, reasons: str) -> None:
    result = judged(raw)
    assert result.reasons == reasons
    assert result.detail
    assert result.rows == []


def test_every_reason_of_the_closed_list_can_be_given() -> None:
    cases = test_a_bad_message_is_refused_with_all_its_reasons.pytestmark[0].args[1]  # type: ignore[attr-defined]
    given = {reason for _, reasons in cases for reason in reasons.split(",")}
    assert given | {"not_judged", "unknown_schema"} == set(REASONS)


def test_a_fault_in_the_validator_refuses_the_message_that_brought_it_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("by what?")

    monkeypatch.setattr(validation, "_validate_record", fail)
    result = judged(message())
    assert (result.reasons, result.rows) == ("not_judged", [])
    assert "ZeroDivisionError('by what?')" in result.detail


@pytest.mark.parametrize(
    ("timezone", "moment"),
    [
        ("Europe/Copenhagen", "9999-12-31T23:59:59Z"),
        ("America/New_York", "0001-01-01T00:00:00Z"),
        ("UTC", "0001-01-01T00:00:00+05:00"),
        ("UTC", "9999-12-31T23:59:59-05:00"),
    ],
)
def test_a_moment_at_the_edge_of_the_calendar_is_a_bad_date(timezone: str, moment: str) -> None:
    rules = Rules(EVENTS, NOW, timezone=timezone)
    assert validate(message(DP_DATE=moment), rules).reasons == "bad_date"
    assert validate(message(emitted_at=moment), rules).reasons == "bad_date"


def test_what_is_ahead_is_judged_by_the_clock_of_the_lake() -> None:
    result = judged(message(DP_DATE="2026-07-12T00:00:00Z"))
    assert result.reasons == "bad_date"
    assert "to 2026-06-03 00:00:00+00:00, by the clock of the lake" in result.detail


@pytest.mark.parametrize(
    "changes",
    [{"note": "\ud800"}, {"note": 10**400}, {"note": 1e300}, {"cell": {"a": [None, "\u00e6"]}}],
)
def test_any_json_may_stand_in_an_unknown_field(changes: dict[str, Any]) -> None:
    row = judged(message(**changes)).rows[0]
    assert json.loads(row["extras"]) == changes


def test_a_number_beyond_every_double_in_an_unknown_field_is_out_of_range() -> None:
    assert judged(message()[:-1] + b',"note":1e400}').reasons == "out_of_range"


@pytest.mark.parametrize(
    ("changes", "column", "value"),
    [
        ({"DP_MOC_COUNT": "33"}, "DP_MOC_COUNT", 33),
        ({"DP_MOC_COUNT": 33.0}, "DP_MOC_COUNT", 33),
        ({"DP_MOC_COUNT": "33.0"}, "DP_MOC_COUNT", 33),
        ({"id": 1234567890123456789}, "id", 1234567890123456789),
        ({"id": "1234567890123456789"}, "id", 1234567890123456789),
        ({"DP_MOC_DURATION": "12.25"}, "DP_MOC_DURATION", 12.25),
        ({"DP_MSISDN": 4512345678}, "DP_MSISDN", "4512345678"),
        ({"DP_DATE": "2026-06-01 10:00:00"}, "DP_DATE", datetime(2026, 6, 1, 10, tzinfo=UTC)),
        ({"DP_DATE": "2026-06-01T01:00:00+02:00"}, "Date", date(2026, 5, 31)),
        ({"cell": {"id": 7}}, "extras", '{"cell":{"id":7}}'),
    ],
)
def test_an_odd_message_is_understood(changes: dict[str, Any], column: str, value: Any) -> None:
    result = judged(message(**changes))
    assert result.violations == []
    assert result.rows[0][column] == value


def test_the_split_layout_gives_a_row_for_each_line() -> None:
    lines = [list((GOOD | {"event_id": f"s:{n}"}).values()) for n in range(2)]
    raw = json.dumps({"columns": list(GOOD), "index": [0, 1], "data": lines}).encode()
    assert [row["event_id"] for row in judged(raw).rows] == ["s:0", "s:1"]


def test_one_bad_line_refuses_the_whole_split_message() -> None:
    lines = [list(GOOD.values()), list((GOOD | {"DP_MOC_COUNT": -1}).values())]
    raw = json.dumps({"columns": list(GOOD), "data": lines}).encode()
    assert (judged(raw).reasons, judged(raw).rows) == ("out_of_range", [])


def test_the_calendar_date_is_that_of_the_configured_timezone() -> None:
    rules = Rules(EVENTS, NOW, timezone="Asia/Tokyo")
    result = validate(message(DP_DATE="2026-06-01T20:00:00Z"), rules)
    assert result.rows[0]["Date"] == date(2026, 6, 2)


def test_an_outcome_cannot_be_known_on_its_own_date() -> None:
    raw = (
        b'{"DP_MSISDN":"4512345678","date":"2026-05-01","PSEUDO_CHURNED":1,"known_at":"2026-05-01"}'
    )
    assert validate(raw, Rules(OUTCOMES, NOW)).reasons == "bad_date"
