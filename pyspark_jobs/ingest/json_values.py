"""JSON and field values: one table says how to read each kind of field, for both readers.

A converter takes a decoded JSON value. It raises `ValueError` for a value of another type and
`ArithmeticError` for one that the kind cannot hold.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NoReturn

from lakehouse.contracts import Kind

INT_MIN, INT_MAX = -(2**31), 2**31 - 1
LONG_MIN, LONG_MAX = -(2**63), 2**63 - 1
# DECIMAL(18, 3): eighteen digits, three of them decimals.
DECIMAL_MAX = Decimal("999999999999999.999")
_THOUSANDTH = Decimal("0.001")
_INTEGRAL = re.compile(r"[+-]?[0-9]+(\.0*)?")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?")

RANGES: Mapping[Kind, tuple[Any, Any]] = {
    "int": (INT_MIN, INT_MAX),
    "long": (LONG_MIN, LONG_MAX),
    "decimal": (-DECIMAL_MAX, DECIMAL_MAX),
    "double": (-math.inf, math.inf),
}


class Number(float):
    """A JSON number with a point or an exponent, and its original text.

    A decimal is exact only as text: a double has no exact 999999999999999.999.
    """

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Number:
        """Read `text` as a double and keep it."""
        number = super().__new__(cls, text)
        number.text = text
        return number


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


# Built once: `json.loads` and `json.dumps` would build them for every message.
_DECODER = json.JSONDecoder(parse_float=Number, parse_constant=_no_constant)
_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


def decode(raw: bytes | None) -> Any:
    """The value that the JSON text `raw` stands for. Raises `ValueError` or `RecursionError`."""
    if not raw:
        raise ValueError("empty message")
    return _DECODER.decode(raw.decode("utf-8"))


def encode_extras(extras: Mapping[str, Any]) -> str | None:
    """Unknown fields as JSON, sorted by name; None if there are none.

    Raises `ValueError` for a number that a double cannot hold.

    >>> encode_extras({"plan": "gold", "cell": {"id": 7}})
    '{"cell":{"id":7},"plan":"gold"}'
    """
    if not extras:
        return None
    return _ENCODER.encode({name: extras[name] for name in sorted(extras)})


def _to_string(value: Any) -> str:
    if isinstance(value, str):
        # Half of a surrogate pair is JSON, but no text that UTF-8 could hold.
        value.encode()
        return value
    return str(_to_int(value))


def _to_int(value: Any) -> int:
    if isinstance(value, str) and _INTEGRAL.fullmatch(value):
        return int(value.partition(".")[0])
    if isinstance(value, Number):
        if abs(value) > 2.0**64:
            raise OverflowError(value)
        exact = Decimal(value.text)
        if exact != exact.to_integral_value():
            raise ValueError(value)
        return int(exact)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(value)
    return value


def _to_long(value: Any) -> int:
    number = _to_int(value)
    if not LONG_MIN <= number <= LONG_MAX:
        raise OverflowError(value)
    return number


def _to_decimal(value: Any) -> Decimal:
    number = Decimal(_number_text(value))
    if not -DECIMAL_MAX <= number <= DECIMAL_MAX:
        raise OverflowError(value)
    return number.quantize(_THOUSANDTH)


def _to_double(value: Any) -> float:
    number = float(value if isinstance(value, Number) else _number_text(value))
    if math.isinf(number):
        raise OverflowError(value)
    return number


def _number_text(value: Any) -> str | int:
    if isinstance(value, Number):
        return value.text
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return value
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(value)
    return value


def _to_boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(value)
    return value


def _to_moment(value: Any) -> datetime:
    if not isinstance(value, str):
        raise ValueError(value)
    moment = datetime.fromisoformat(value.strip())
    if moment.tzinfo is UTC:
        return moment
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _to_date(value: Any) -> date:
    return _to_moment(value).date()


def _to_binary(value: Any) -> bytes:
    if not isinstance(value, str):
        raise ValueError(value)
    return base64.b64decode(value, validate=True)


def _list_of(convert: Callable[[Any], Any]) -> Callable[[Any], list[Any]]:
    def to_list(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise ValueError(value)
        return [convert(element) for element in value]

    return to_list


CONVERTERS: Mapping[Kind, Callable[[Any], Any]] = {
    "string": _to_string,
    "int": _to_int,
    "long": _to_int,
    "decimal": _to_decimal,
    "double": _to_double,
    "boolean": _to_boolean,
    "date": _to_date,
    "timestamp": _to_moment,
    "binary": _to_binary,
    "longs": _list_of(_to_long),
    "doubles": _list_of(_to_double),
    "strings": _list_of(_to_string),
}
