from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from flaskapp.segments.purchase_file import Columns, messages, send
from lakehouse.domains.segments.contracts import PURCHASE
from lakehouse.domains.segments.domain import PURCHASES
from lakehouse.domains.segments.keys import card_key
from lakehouse.domains.segments.settings import SegmentsSettings
from lakehouse.errors import SettingsError, SourceError
from lakehouse.publisher import Publisher
from pyspark_jobs.ingest.rules import Rules
from pyspark_jobs.ingest.validation import validate

SECRET = "a secret of the tests"
TEXT = """name,card,merchant,amount,date
C_Mason,4111 1111 2222,bakery,12.50,2026-07-01
C_Mason,4111 1111 2222,bakery,-3.005,2026-07-02
Z_Other,5500 0000 1111,fuel,40,2026-07-02
"""


RULES = Rules(PURCHASES, datetime(2026, 7, 6, tzinfo=UTC))


class Kept:
    """A publisher that keeps what it is given."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, bytes]] = []

    def send(self, topic: str, key: str, value: bytes) -> None:
        self.sent.append((topic, key, value))

    def deliver(self) -> None:
        """Everything is delivered."""


def file(tmp_path: Path, text: str = TEXT) -> Path:
    path = tmp_path / "purchases.csv"
    path.write_text(text, encoding="utf-8")
    return path


def reasons(body: dict[str, Any]) -> str:
    return validate(json.dumps(body).encode(), RULES).reasons


def test_no_message_holds_a_card_number_or_a_name(tmp_path: Path) -> None:
    kept = Kept()
    sent = send(file(tmp_path), Columns(), SECRET, cast(Publisher, kept), "purchases")
    assert sent == len(kept.sent) == 3
    everything = repr(kept.sent)
    for secret in ("4111", "2222", "5500", "Mason", "Other", SECRET):
        assert secret not in everything
    bodies = [json.loads(body) for _, _, body in kept.sent]
    assert [one["card"] for one in bodies] == [key for _, key, _ in kept.sent]
    assert bodies[0]["card"] == bodies[1]["card"] == card_key("4111 1111 2222", SECRET)
    assert [one["amount"] for one in bodies] == [12.5, -3.005, 40.0]


def test_every_message_is_one_that_the_contract_accepts_and_a_number_is_refused(
    tmp_path: Path,
) -> None:
    bodies = [json.loads(one.body) for one in messages(file(tmp_path), Columns(), SECRET)]
    assert all(set(one) == set(PURCHASE.names) for one in bodies)
    assert [reasons(one) for one in bodies] == ["", "", ""]
    assert reasons(bodies[0] | {"card": "411111112222"}) == "wrong_type"


def test_a_file_sent_twice_has_the_same_ids(tmp_path: Path) -> None:
    twice = [[one.body for one in messages(file(tmp_path), Columns(), SECRET)] for _ in "ab"]
    assert twice[0] == twice[1]


@pytest.mark.parametrize(
    "broken", ["4111 1111 2222,bakery,,2026-07-01", "4111 1111 2222,bakery,1,yesterday"]
)
def test_a_row_that_cannot_be_read_is_named_by_its_line_alone(tmp_path: Path, broken: str) -> None:
    path = file(tmp_path, f"card,merchant,amount,date\n4111 1111 2222,a,1,2026-07-01\n{broken}\n")
    with pytest.raises(SourceError, match="line 3") as raised:
        [*messages(path, Columns(), SECRET)]
    assert "4111" not in str(raised.value)


def test_a_file_without_the_columns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="--card"):
        [*messages(file(tmp_path), Columns(card="number"), SECRET)]


def test_without_a_secret_nothing_is_keyed_and_the_secret_is_not_shown() -> None:
    with pytest.raises(SettingsError, match="CDRLAKE_SEGMENTS__CARD_KEY"):
        SegmentsSettings().secret()
    with_one: Any = SegmentsSettings.model_validate({"card_key": SECRET})
    assert SECRET not in repr(with_one)
    assert with_one.secret() == SECRET
