"""Both readers of a topic, and the database, agree on what a message may hold."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from flaskapp.cards import record
from flaskapp.cards.world.world import World
from lakehouse.domains.cards import contracts, names
from lakehouse.domains.cards.contracts import DECISION, TRANSACTION
from lakehouse.domains.cards.domain import DECISIONS, TRANSACTIONS
from lakehouse.domains.cards.messages import (
    decision_row,
    encode,
    read_decision,
    read_fast,
)
from lakehouse.settings import ROOT
from pyspark_jobs.ingest.parse import read_bulk
from pyspark_jobs.ingest.rules import Rules
from pyspark_jobs.ingest.validation import validate

NOW = datetime(2026, 11, 1, tzinfo=UTC)
(FIRST, *_) = World(3, start=datetime(2026, 3, 1, tzinfo=UTC)).transactions(6)
TEXTS = [one.name for one in TRANSACTION.fields if one.kind == "string" and not one.pattern]
DECIDED: dict[str, Any] = {
    **FIRST.row, "is_fraud": 1, "source_is_fraud": 0, "score": 0.9, "decision": "block",
    "expected_loss": 9.0, "model_version": 1, "predicted_at": "2026-03-01T00:00:00+00:00",
    "features": [0.0, 1.5],
}  # fmt: skip


def is_taken_in_bulk(row: dict[str, Any]) -> bool:
    """Whether ingest reads a transaction without judging it by itself."""
    wire = {"key": b"k", "value": json.dumps(row, ensure_ascii=False).encode()}
    good, _ = read_bulk(pl.DataFrame([wire]), Rules(TRANSACTIONS, NOW))
    return len(good) == 1


def test_ten_texts_of_a_transaction_have_no_form() -> None:
    assert len(TEXTS) == 10


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("letter", ["a", "é", "\U0001f600"])
def test_a_text_that_the_database_cannot_hold_is_refused_by_every_reader(
    name: str, letter: str
) -> None:
    for length, is_good in ((255, True), (256, False)):
        row = FIRST.row | {name: letter * length}
        raw = json.dumps(row).encode()
        assert (read_fast(raw, NOW) is not None) is is_good
        assert is_taken_in_bulk(row) is is_good
        assert validate(raw, Rules(TRANSACTIONS, NOW)).reasons == (
            "" if is_good else "out_of_range"
        )
        decided = json.dumps(DECIDED | {name: letter * length}).encode()
        assert validate(decided, Rules(DECISIONS, NOW)).reasons == (
            "" if is_good else "out_of_range"
        )
    with pytest.raises(ValueError, match=name):
        read_decision(decided)


def test_the_columns_of_the_database_are_as_long_as_the_contract_allows() -> None:
    text = (ROOT / "conf" / "sql" / "cards" / "011_cards.sql").read_text(encoding="utf-8")
    table, _, _ = text.partition(f"{names.MYSQL_TABLE} (")[2].partition(");")
    held = dict(re.findall(r"^ +`?(\w+)`? VARCHAR\((\d+)\)", table, re.MULTILINE))
    limited = {one.name: one.max_length for one in DECISION.fields if one.max_length}
    assert {name: int(held[name]) for name in limited} == limited
    formed = {one.name for one in DECISION.fields if one.kind == "string" and one.pattern}
    assert held.keys() - limited.keys() == formed
    longest = {"cc_num": "4" * 19, "trans_num": "t" * 64, "dob": "2026-01-01"}
    for name, value in longest.items():
        assert len(value) == int(held[name])
        assert re.fullmatch(contracts.TRANSACTION.field(name).pattern or "", value)


def test_a_decision_is_read_back_as_it_was_written() -> None:
    incoming = read_fast(json.dumps(FIRST.row).encode(), NOW)
    assert incoming is not None
    written = decision_row(
        incoming.row, is_fraud=1, score=0.9, decision="block", expected_loss=9.0, model_version=1,
        predicted_at=NOW, features=(0.0, 1.5),
    )  # fmt: skip
    assert read_decision(encode(written)) == written


@pytest.mark.parametrize(
    "change",
    [
        {"score": None}, {"score": "0.9x"}, {"score": 1.5}, {"score": float("nan")},
        {"cc_num": 1}, {"trans_num": ["t"]}, {"trans_num": None}, {"amt": "much"},
        {"decision": "x" * 17}, {"features": None}, {"features": "0.0"},
        {"features": [None]}, {"model_version": 0}, {"model_version": 2**31}, {"is_fraud": 2},
        {"predicted_at": "soon"}, {"trans_date_trans_time": "soon"}, {"source_is_fraud": "no"},
    ],
    ids=str,
)  # fmt: skip
def test_what_breaks_the_contract_of_decisions_is_read_by_nobody(change: dict[str, Any]) -> None:
    raw = json.dumps(DECIDED | change).encode()
    with pytest.raises(ValueError):
        read_decision(raw)
    assert validate(raw, Rules(DECISIONS, NOW)).violations


@pytest.mark.parametrize("raw", [b"", b"no decision", b"[]", b'{"x":' + b"[" * 100_000, b"\xff"])
def test_what_is_no_decision_at_all_is_read_by_nobody(raw: bytes) -> None:
    with pytest.raises(ValueError):
        read_decision(raw)


@pytest.mark.parametrize(
    ("given", "moment"),
    [
        ("2026-03-01 01:30:00", "2026-03-01 01:30:00"),
        ("2026-03-01T01:30:00+02:00", "2026-02-28 23:30:00"),
    ],
)
def test_a_row_of_the_database_has_times_in_utc_and_unknown_fields_are_left_out(
    given: str, moment: str
) -> None:
    changed = {"trans_date_trans_time": given, "predicted_at": given, "more": {"x": 1}}
    decision = read_decision(json.dumps(DECIDED | changed).encode())
    found = dict(zip(record.COLUMNS, record.row(decision, 0.01), strict=True))
    assert {str(found[name]) for name in ("trans_date_trans_time", "predicted_at")} == {moment}
    assert (found["features"], found["score"], found["is_fraud"]) == ("[0.0, 1.5]", 0.9, 1)
    assert (found["verify_chance"], found["drawn"]) == (1.0, True)
