"""What is told of a flagged transaction, whatever the texts in it are."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any, cast

import pytest

from cdrlake.cards import alarms
from monitoring.alarms import Alarm
from monitoring.channels import ApprisedChannel

HOSTILE = "=HYPERLINK(1)\nblock: 0.00 at nobody\x1b[2J"
ROW = {
    "trans_num": "t1", "trans_date_trans_time": "2026-01-01 00:00:00", "cc_num": "4000000000000002",
    "merchant": HOSTILE, "category": "@SUM(A1)", "amt": 10.0, "score": 0.9, "decision": "block",
    "expected_loss": 9.0, "model_version": 1, "is_fraud": 1, "features": [0.0],
    "predicted_at": "2026-01-01T00:00:00+00:00",
}  # fmt: skip


class Reader(ApprisedChannel):
    """A mailbox that keeps the text and the rows of the attached report."""

    def __init__(self) -> None:
        super().__init__("mail")
        self.texts: list[str] = []
        self.rows: list[dict[str, str]] = []

    def tell(self, text: str, title: str, attached: Path | None = None) -> None:
        self.texts.append(text)
        with cast(Path, attached).open(encoding="utf-8", newline="") as file:
            self.rows += csv.DictReader(file)


def told(row: dict[str, Any]) -> Reader:
    """What the mailbox has after the decision is read and told."""
    reader = Reader()
    alarm = alarms.read(json.dumps(row).encode())
    assert isinstance(alarm, Alarm)
    alarms._send(reader, [alarm])
    return reader


def test_a_merchant_forges_no_line_of_an_alarm_and_no_formula_of_its_report() -> None:
    reader = told(ROW)
    assert reader.texts[0].splitlines()[1:] == [
        "block: 10.00 at =HYPERLINK(1)\\nblock: 0.00 at nobody\\x1b[2J, card ending in 0002, "
        "2026-01-01 00:00:00, score 0.90 (t1)"
    ]
    (row,) = reader.rows
    assert row["merchant"] == "'=HYPERLINK(1)\\nblock: 0.00 at nobody\\x1b[2J"
    assert row["category"] == "'@SUM(A1)"
    assert (row["cc_num"], row["amt"]) == (ROW["cc_num"], "10.0")


@pytest.mark.parametrize(
    "change",
    [
        {"cc_num": 4000000000000002}, {"trans_num": ["t1"]}, {"amt": "10"}, {"score": None},
        {"score": "high"}, {"merchant": {}}, {"model_version": None}, {"is_fraud": None},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_decision_is_no_alarm_and_holds_up_nobody_elses(change: dict[str, Any]) -> None:
    assert alarms.read(json.dumps(ROW | change).encode()) is None


@pytest.mark.parametrize("raw", [b"", b"no decision", b"[1]", b"null", b"\xff", b"[" * 100_000])
def test_a_message_that_is_no_object_is_no_alarm(raw: bytes) -> None:
    assert alarms.read(raw) is None
