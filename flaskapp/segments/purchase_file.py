"""Purchases in a CSV file as messages: card numbers become keys before anything leaves here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import polars as pl

from lakehouse.domains.segments.keys import card_key
from lakehouse.errors import SourceError
from lakehouse.publisher import Publisher

_BATCH = 50_000
_ID_DIGITS = 16
_ENCODER = msgspec.json.Encoder(decimal_format="number")


@dataclass(frozen=True)
class Columns:
    """Names of the file's columns; `day` holds dates in the form of `form`."""

    card: str = "card"
    merchant: str = "merchant"
    amount: str = "amount"
    day: str = "date"
    form: str = "%Y-%m-%d"


@dataclass(frozen=True)
class Message:
    """A message and the key of its card, which is also the key in Kafka."""

    card: str
    body: bytes


def messages(path: Path, columns: Columns, secret: str) -> Iterator[Message]:
    """The purchases of a file in its order.

    The id of a purchase is the file's hash with the number of its row, so that a file that is sent
    twice gives the same ids. Other columns of the file, such as names, are not read. Raises
    `SourceError` for a file that cannot be read, or a row without a card, an amount or a date; the
    error names the row, never what is in it.
    """
    frame = _read(path, columns)
    source = hashlib.sha256(path.read_bytes()).hexdigest()[:_ID_DIGITS]
    if frame.null_count().sum_horizontal().item():
        row = frame.with_row_index("row", 2).filter(pl.any_horizontal(pl.all().is_null()))["row"][0]
        raise _refused(path, f"line {row} without one of them, or with one of another form")
    for number, (card, merchant, amount, day) in enumerate(frame.iter_rows()):
        key = card_key(card, secret)
        body = {
            "event_id": f"{source}:{number}",
            "card": key,
            "merchant": merchant,
            "amount": amount,
            "date": day,
        }
        yield Message(key, _ENCODER.encode(body))


def send(path: Path, columns: Columns, secret: str, publisher: Publisher, topic: str) -> int:
    """Send all purchases of a file; returns their number. Raises as `messages` and the broker."""
    sent = 0
    for sent, message in enumerate(messages(path, columns, secret), 1):
        publisher.send(topic, message.card, message.body)
        if sent % _BATCH == 0:
            publisher.deliver()
    publisher.deliver()
    return sent


def _read(path: Path, columns: Columns) -> pl.DataFrame:
    wanted = [columns.card, columns.merchant, columns.amount, columns.day]
    try:
        frame = pl.read_csv(path, infer_schema_length=0, columns=wanted)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise _refused(path, type(error).__name__) from None
    return frame.select(
        pl.col(columns.card),
        pl.col(columns.merchant),
        pl.col(columns.amount).str.to_decimal(scale=3),
        pl.col(columns.day).str.to_date(columns.form, strict=False),
    )


def _refused(path: Path, got: str) -> SourceError:
    return SourceError(
        str(path), "a CSV file with columns of card, merchant, amount and date", got,
        "name the file's columns with --card, --merchant, --amount, --date and --form",
    )  # fmt: skip
