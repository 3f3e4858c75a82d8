"""The inner loops of `plain`, compiled: one pass over the bytes, no object for any value."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

Bytes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
# Names of the fields behind one another, where each begins and ends, and their kinds.
Layout = tuple[Bytes, Integers, Integers]

WHOLE, THOUSANDTHS, TEXT, MOMENT, DAY = range(5)
_FAILED = -(2**62)
_NOWHERE = -1
_QUOTE, _COLON, _COMMA, _OPEN, _CLOSE, _SPACE = (ord(c) for c in '":,{} ')
_BACKSLASH, _MINUS, _POINT, _ZERO, _NINE, _T, _Z = (ord(c) for c in "\\-.09TZ")
_LAST_PRINTABLE = 126
_MOST_DIGITS = 18
_NO_DIGIT = -100_000
_POWERS = np.array([10**k for k in range(8)])
_DAY_US = 86_400_000_000


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def copy_texts(data: Bytes, start: Integers, ends: Integers, copied: Bytes) -> None:
    """Put the texts that begin at `start` behind one another, so that they end at `ends[1:]`."""
    for row in range(len(start)):
        for k in range(ends[row + 1] - ends[row]):
            copied[ends[row] + k] = data[start[row] + k]


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _byte(data: Bytes, at: int) -> int:
    """The byte at `at`, without the look whether that is negative, which numba takes otherwise."""
    return data[np.uintp(at)]  # type: ignore[no-any-return]


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def read_rows(
    data: Bytes, bounds: Integers, layout: Layout, first: Integers, second: Integers, good: Bools
) -> None:
    """Fill the cells (field, row) of the objects between `bounds`; which rows are `good`.

    `first` is the number, or where a text begins; `second` is how long that text is.
    """
    for row in range(len(good)):
        good[row] = _read_row(
            data, bounds[row], bounds[row + 1], layout, first[:, row], second[:, row]
        )
        if not good[row]:
            first[:, row] = 0
            second[:, row] = 0


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _read_row(
    data: Bytes, at: int, end: int, layout: Layout, first: Integers, second: Integers
) -> bool:
    # Taken apart here: a tuple of arrays that is handed further down costs as much as a field.
    names, name_bounds, kinds = layout
    seen, expected = 0, 0
    if end - at < 2 or _byte(data, at) != _OPEN:
        return False
    while True:
        at = _past_spaces(data, at + 1, end)
        field = _field(data, at, end, names, name_bounds, expected)
        if field < 0 or seen & (1 << field):
            return False
        seen |= 1 << field
        at = _past_spaces(data, at + name_bounds[field + 1] - name_bounds[field] + 2, end)
        if at >= end or _byte(data, at) != _COLON:
            return False
        at = _past_spaces(data, at + 1, end)
        if kinds[field] <= THOUSANDTHS:
            first[field], at = _number(data, at, end, kinds[field] == THOUSANDTHS)
        else:
            first[field], second[field], at = _text(data, at, end, kinds[field])
        if at < 0:
            return False
        at = _past_spaces(data, at, end)
        if at >= end or _byte(data, at) != _COMMA:
            break
        expected = field + 1 if field + 1 < len(kinds) else 0
    return at == end - 1 and _byte(data, at) == _CLOSE and seen == (1 << len(kinds)) - 1


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _past_spaces(data: Bytes, at: int, end: int) -> int:
    while at < end and _byte(data, at) == _SPACE:
        at += 1
    return at


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _field(data: Bytes, at: int, end: int, names: Bytes, bounds: Integers, expected: int) -> int:
    """The field whose quoted name stands at `at`; the expected one is tried first."""
    count = len(bounds) - 1
    for turn in range(count):
        field = expected + turn if expected + turn < count else expected + turn - count
        begin, length = bounds[field], bounds[field + 1] - bounds[field]
        if (
            at + length + 1 >= end
            or _byte(data, at) != _QUOTE
            or _byte(data, at + length + 1) != _QUOTE
        ):
            continue
        k = 0
        while k < length and _byte(data, at + 1 + k) == _byte(names, begin + k):
            k += 1
        if k == length:
            return field
    return _NOWHERE


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _text(data: Bytes, at: int, end: int, kind: int) -> tuple[int, int, int]:
    """Where the text at `at` begins and how long it is, or its moment; and where it ends."""
    if at >= end or _byte(data, at) != _QUOTE:
        return 0, 0, _NOWHERE
    after = at + 1
    while after < end and _byte(data, after) != _QUOTE:
        if (
            _byte(data, after) < _SPACE
            or _byte(data, after) > _LAST_PRINTABLE
            or _byte(data, after) == _BACKSLASH
        ):
            return 0, 0, _NOWHERE
        after += 1
    if after >= end:
        return 0, 0, _NOWHERE
    if kind == TEXT:
        return at + 1, after - at - 1, after + 1
    moment = _date(data, at + 1, after) if kind == DAY else _moment(data, at + 1, after)
    return moment, 0, after + 1 if moment != _FAILED else _NOWHERE


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _number(data: Bytes, at: int, end: int, in_thousandths: bool) -> tuple[int, int]:
    """A number and where it ends: whole, or in thousandths with up to three decimals."""
    is_negative = at < end and _byte(data, at) == _MINUS
    begin = at + is_negative
    whole, at = _digits_from(data, begin, end)
    if at == begin or (_byte(data, begin) == _ZERO and at - begin > 1):
        return 0, _NOWHERE
    if at - begin > (_MOST_DIGITS - 3 if in_thousandths else _MOST_DIGITS):
        return 0, _NOWHERE
    if in_thousandths:
        point, fraction = at, 0
        if at < end and _byte(data, at) == _POINT:
            fraction, at = _digits_from(data, at + 1, min(end, at + 4))
            if at == point + 1:
                return 0, _NOWHERE
        places = max(at - point - 1, 0)
        whole = whole * 1000 + fraction * _POWERS[3 - places]
    if (
        at < end
        and _byte(data, at) != _COMMA
        and _byte(data, at) != _CLOSE
        and _byte(data, at) != _SPACE
    ):
        return 0, _NOWHERE
    return -whole if is_negative else whole, at


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _digits_from(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """The number that the digits from `at` on make, and where they end; 19 or more overflow."""
    number = 0
    while at < end and _ZERO <= _byte(data, at) <= _NINE:
        number = number * 10 + (_byte(data, at) - _ZERO)
        at += 1
    return number, at


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _digits(data: Bytes, at: int, count: int) -> int:
    """The number that exactly `count` digits at `at` make; -1 where one is no digit."""
    number, end = _digits_from(data, at, at + count)
    return number if end == at + count else -1


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _two(data: Bytes, at: int) -> int:
    """The number that the two digits at `at` make; far below zero where one is no digit."""
    tens, ones = _byte(data, at) - _ZERO, _byte(data, at + 1) - _ZERO
    return tens * 10 + ones if 0 <= tens <= 9 and 0 <= ones <= 9 else _NO_DIGIT


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _date(data: Bytes, at: int, end: int) -> int:
    """Days from 1970 to `YYYY-MM-DD`."""
    if end - at != 10 or _byte(data, at + 4) != _MINUS or _byte(data, at + 7) != _MINUS:
        return _FAILED
    year = _two(data, at) * 100 + _two(data, at + 2)
    month, day = _two(data, at + 5), _two(data, at + 8)
    if year < 1 or month < 1 or month > 12:
        return _FAILED
    is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    longest = 28 + is_leap if month == 2 else 31 - (month - 1) % 7 % 2
    if day < 1 or day > longest:
        return _FAILED
    # Years that begin in March, in eras of 400: the leap day comes last.
    shifted = year - (month <= 2)
    era, of_era = shifted // 400, shifted % 400
    of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    return int(era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468)


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _moment(data: Bytes, at: int, end: int) -> int:
    """Microseconds from 1970 to `YYYY-MM-DDTHH:MM:SSZ`, with up to six decimals of a second."""
    length = end - at
    if length < 20 or length > 27 or length == 21 or _byte(data, end - 1) != _Z:
        return _FAILED
    days = _date(data, at, at + 10)
    hour, minute = _two(data, at + 11), _two(data, at + 14)
    second, micros = _two(data, at + 17), 0
    if (
        _byte(data, at + 10) != _T
        or _byte(data, at + 13) != _COLON
        or _byte(data, at + 16) != _COLON
    ):
        return _FAILED
    if length > 20:
        micros = _digits(data, at + 20, length - 21)
        if _byte(data, at + 19) != _POINT or micros < 0:
            return _FAILED
        micros *= _POWERS[27 - length]
    if days == _FAILED or not (0 <= hour <= 23 and 0 <= minute <= 59 and 0 <= second <= 59):
        return _FAILED
    return int(days * _DAY_US + ((hour * 60 + minute) * 60 + second) * 1_000_000 + micros)
