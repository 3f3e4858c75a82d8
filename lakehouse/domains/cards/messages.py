"""Messages of `topic_1` and `topic_2`: read fast where they are plainly good, and written."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from lakehouse.domains.cards.contracts import LONGEST, LONGEST_DECISION
from lakehouse.domains.cards.transaction import Transaction, transaction

TIME = "%Y-%m-%d %H:%M:%S"
_TIME_LENGTH = 19
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_Int = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
_Long = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
_Text = Annotated[str, Meta(max_length=LONGEST)]
_Latitude = Annotated[float, Meta(ge=-90, le=90)]
_Longitude = Annotated[float, Meta(ge=-180, le=180)]
_Flag = Annotated[int, Meta(ge=0, le=1)]


class TransactionRow(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, gc=False):
    """A message of `topic_1` in the training format; as strict as its contract, or stricter."""

    index: _Long | None = None
    trans_date_trans_time: str
    cc_num: Annotated[str, Meta(pattern=r"^[0-9]{8,19}\Z")]
    merchant: _Text
    category: _Text
    amt: Annotated[float, Meta(ge=0, le=10_000_000)]
    first: _Text | None = None
    last: _Text | None = None
    gender: _Text | None = None
    street: _Text | None = None
    city: _Text | None = None
    state: _Text | None = None
    zip: _Text | None = None
    lat: _Latitude | None = None
    long: _Longitude | None = None
    city_pop: Annotated[int, Meta(ge=0, le=2**63 - 1)] | None = None
    job: _Text | None = None
    dob: Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")] | None = None
    trans_num: Annotated[str, Meta(pattern=r"^[0-9A-Za-z_-]{1,64}\Z")]
    unix_time: _Long | None = None
    merch_lat: _Latitude | None = None
    merch_long: _Longitude | None = None
    is_fraud: _Flag | None = None


class Incoming(msgspec.Struct, frozen=True, gc=False):
    """A transaction that was read: the row to pass on, and what its features are made of."""

    row: TransactionRow
    event: Transaction


class DecisionRow(TransactionRow, kw_only=True, forbid_unknown_fields=False):
    """A message of `topic_2`: the transaction, `is_fraud` being the prediction, and the decision.

    `features` are those that the score was computed from, in the order of the gold table.
    """

    source_is_fraud: _Int | None = None
    score: Annotated[float, Meta(ge=0, le=1)]
    decision: Annotated[str, Meta(max_length=LONGEST_DECISION)]
    expected_loss: float
    model_version: Annotated[int, Meta(ge=1, le=2**31 - 1)]
    predicted_at: datetime
    features: tuple[float, ...]


_DECODER = msgspec.json.Decoder(TransactionRow)
_DECISIONS = msgspec.json.Decoder(DecisionRow)
_ENCODER = msgspec.json.Encoder()


def read_fast(raw: bytes, latest: datetime) -> Incoming | None:
    """The transaction in a message; None if it has to be validated to know what it is.

    `latest` is the latest acceptable moment. Nothing is returned that validation would refuse.
    """
    try:
        row = _DECODER.decode(raw)
        if len(row.trans_date_trans_time) != _TIME_LENGTH:
            return None
        at = datetime.fromisoformat(row.trans_date_trans_time).replace(tzinfo=UTC)
    except (msgspec.MsgspecError, ValueError):
        return None
    if not _EARLIEST <= at <= latest:
        return None
    values = msgspec.structs.asdict(row)
    values["trans_date_trans_time"] = at
    return Incoming(row, transaction(values))


def from_validated(row: Mapping[str, Any]) -> Incoming:
    """The transaction in a row that was validated, of a message or of the bronze table."""
    at: datetime = row["trans_date_trans_time"]
    plain: dict[str, Any] = {name: row.get(name) for name in TransactionRow.__struct_fields__}
    plain["trans_date_trans_time"] = at.strftime(TIME)
    return Incoming(TransactionRow(**plain), transaction(row))


def decision_row(row: TransactionRow, **decided: Any) -> DecisionRow:
    """A message of `topic_2`: the row with its prediction in place of the source's `is_fraud`."""
    values = msgspec.structs.asdict(row)
    values["source_is_fraud"] = values.pop("is_fraud")
    return DecisionRow(**values, **decided)


def read_decision(raw: bytes) -> DecisionRow:
    """The decision in a message of `topic_2`; unknown fields are left out.

    Raises `ValueError` for a message that breaks the contract.
    """
    try:
        row = _DECISIONS.decode(raw)
    except RecursionError as error:
        raise ValueError(str(error)) from None
    datetime.fromisoformat(row.trans_date_trans_time)  # a text that is no time is no decision
    return row


def encode(row: TransactionRow) -> bytes:
    """A message of either topic."""
    return _ENCODER.encode(row)
