"""Whatever a source of transactions sends, as messages of `topic_1` in the training format.

A source may answer with the pandas "split" layout or with plain records, as JSON or as JSON in a
string, with other names, another order, and times in milliseconds. What is recognised is put into
the training format; unknown fields are kept; what cannot be made sense of is passed on unchanged,
so that ingest and the stream door refuse it with a reason and nothing is lost on the way.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from lakehouse.domains.cards.contracts import TRANSACTION
from lakehouse.domains.cards.messages import TIME

# Names that sources have used for a column of the training format.
ALIASES = {
    "": "index",
    "Unnamed: 0": "index",
    "card_number": "cc_num",
    "credit_card": "cc_num",
    "amount": "amt",
    "lng": "long",
    "lon": "long",
    "latitude": "lat",
    "longitude": "long",
    "merchant_lat": "merch_lat",
    "merchant_long": "merch_long",
    "merch_lon": "merch_long",
    "transaction_id": "trans_num",
    "trans_id": "trans_num",
    "timestamp": "current_time",
}
MILLISECONDS, DATE_TIME = "current_time", "trans_date_trans_time"
# A time in seconds will not have this many digits for three thousand years.
_SECONDS_BELOW = 100_000_000_000
_TEXTS = ("cc_num", "zip", "trans_num")
_NUMBERS = ("amt", "lat", "long", "merch_lat", "merch_long")
_WHOLE = ("index", "city_pop", "unix_time", "is_fraud")
_ZIP_DIGITS = 5


class Normalised(NamedTuple):
    """A message for `topic_1`. The card is the key, so that a card's transactions stay in order."""

    key: str | None
    value: bytes


def normalise(body: bytes) -> list[Normalised]:
    """The messages in an answer of the source; one that is not understood is a message as it is.

    An answer without transactions, such as `[]`, has no messages.

    >>> body = b'{"columns": ["cc_num", "amt", "current_time"], "index": [7],'
    >>> normalise(body + b' "data": [[4497913965512794052, 1.5, 1732732699617]]}')[0].key
    '4497913965512794052'
    """
    try:
        value = json.loads(body)
        if isinstance(value, str):
            value = json.loads(value)
    except (ValueError, RecursionError):
        return [Normalised(None, body)]
    if not isinstance(value, list | dict):
        return [Normalised(None, body)]
    try:
        return [_message(record) for record in _records(value)]
    except RecursionError:  # just so deep that it can be read, and not written
        return [Normalised(None, body)]


def training_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record in the training format: names, order, units and types; unknown fields come last."""
    named = {ALIASES.get(name, name): value for name, value in record.items()}
    named |= _times(named)
    named.pop(MILLISECONDS, None)
    for name, value in named.items():
        named[name] = _typed(name, value)
    known = {name: named.pop(name) for name in TRANSACTION.names if name in named}
    return known | named


def _records(value: list[Any] | dict[str, Any]) -> Iterator[Any]:
    if isinstance(value, list):
        yield from value
        return
    columns, data = value.get("columns"), value.get("data")
    if not isinstance(columns, list) or not isinstance(data, list):
        yield value
        return
    index = value.get("index")
    numbers = index if isinstance(index, list) and len(index) == len(data) else []
    for position, row in enumerate(data):
        if not isinstance(row, list) or len(row) != len(columns):
            yield {"columns": columns, "data": row}  # keeps its own place, to be refused
            continue
        found = dict(zip(map(str, columns), row, strict=True))
        yield {"index": numbers[position], **found} if numbers else found


def _message(record: Any) -> Normalised:
    if not isinstance(record, dict):
        return Normalised(None, json.dumps(record).encode())
    ready = training_record(record)
    card = ready.get("cc_num")
    key = card if isinstance(card, str) and card.isascii() else None
    try:
        return Normalised(key, _encode(ready, ensure_ascii=False))
    except UnicodeEncodeError:  # half of a surrogate pair, which can be written as an escape only
        return Normalised(key, _encode(ready, ensure_ascii=True))


def _encode(record: dict[str, Any], ensure_ascii: bool) -> bytes:
    return json.dumps(record, separators=(",", ":"), ensure_ascii=ensure_ascii).encode()


def _times(record: Mapping[str, Any]) -> dict[str, Any]:
    """`trans_date_trans_time` and `unix_time` in seconds, from whichever time there is."""
    live, stored = _whole(record.get(MILLISECONDS)), _whole(record.get("unix_time"))
    seconds = live if live is not None else stored
    if seconds is None:
        return {}
    if abs(seconds) >= _SECONDS_BELOW:
        seconds //= 1_000
    found: dict[str, Any] = {"unix_time": seconds}
    # A date beside `unix_time` is the event's own: the training file's seconds are of other years.
    if live is not None or record.get(DATE_TIME) is None:
        try:
            found[DATE_TIME] = datetime.fromtimestamp(seconds, UTC).strftime(TIME)
        except (OverflowError, ValueError, OSError):
            return {}
    return found


def _typed(name: str, value: Any) -> Any:
    if value is None or (isinstance(value, bool) and name != "is_fraud"):
        return value
    if name in _TEXTS:
        number = value if isinstance(value, str) else _whole(value)
        text = value if number is None else str(number)
        is_short = name == "zip" and isinstance(text, str) and text.isdigit()
        return text.zfill(_ZIP_DIGITS) if is_short else text
    if name in _NUMBERS and isinstance(value, str):
        return _number(value)
    if name in _WHOLE:
        number = _whole(value)
        return value if number is None else number
    if name == "dob" and isinstance(value, str):
        return value[:10]
    if name == DATE_TIME and isinstance(value, str):
        return _moment(value)
    return value


def _moment(text: str) -> str:
    """The moment in UTC, as the training file writes it; another text unchanged."""
    try:
        moment = datetime.fromisoformat(text.strip())
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return aware.astimezone(UTC).strftime(TIME)
    except (ValueError, OverflowError):
        return text


def _whole(value: Any) -> int | None:
    """A whole number, also from text or from a number with a zero fraction; None otherwise."""
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            return None
    return None


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
