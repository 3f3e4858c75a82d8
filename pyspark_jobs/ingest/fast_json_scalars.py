"""Compiled readers of single JSON values in their usual form.

Each returns the value and the position after it, or `NOT_FOUND` for any other form.
"""

from __future__ import annotations

import numpy as np

from lakehouse.compiled import compiled_on_borrowed
from pyspark_jobs.ingest.fast_json_bytes import (
    COLON,
    FALSE,
    MINUS,
    NINE,
    NOT_FOUND,
    POINT,
    QUOTE,
    TRUE,
    ZERO,
    Bytes,
    byte,
    ends_here,
    is_literal,
    is_plain,
)

# The forms of values: a whole number, one in thousandths, text, a moment, a date, a double, a
# boolean; of other values only the place is noted.
WHOLE, THOUSANDTHS, TEXT, MOMENT, DAY, DOUBLE, BOOLEAN, OTHER = range(8)
_FAILED = -(2**62)
_T, _Z, _SMALL_E, _LARGE_E, _PLUS = (ord(c) for c in "TZeE+")
# Eighteen digits always fit into 64 bits.
_MOST_DIGITS = 18
# A mantissa of fifteen digits and a power of ten up to 22 (here 15) are exact as doubles, so one
# multiplication or division of them rounds correctly (W. Clinger, How to Read Floating Point
# Numbers Accurately, 1990).
_EXACT_DIGITS = 15
_NOT_A_DIGIT = -100_000
_LONGEST_TIME = len("2026-03-05T10:11:12.123456Z")
_POWERS = np.array([10**k for k in range(8)])
_DAY_US = 86_400_000_000


@compiled_on_borrowed
def parse_boolean(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """1 for `true`, 0 for `false`."""
    if is_literal(data, at, end, TRUE):
        return 1, at + len(TRUE)
    if is_literal(data, at, end, FALSE):
        return 0, at + len(FALSE)
    return 0, NOT_FOUND


@compiled_on_borrowed
def parse_text(data: Bytes, at: int, end: int) -> tuple[int, int, int]:
    """Where plain text begins and how long it is."""
    if at >= end or byte(data, at) != QUOTE:
        return 0, 0, NOT_FOUND
    after = at + 1
    while after < end and is_plain(byte(data, after)):
        after += 1
    if after >= end or byte(data, after) != QUOTE:
        return 0, 0, NOT_FOUND
    return at + 1, after - at - 1, after + 1


@compiled_on_borrowed
def parse_time(data: Bytes, at: int, end: int, kind: int) -> tuple[int, int]:
    """A quoted date in days since 1970, or a moment in microseconds."""
    if at >= end or byte(data, at) != QUOTE:
        return 0, NOT_FOUND
    after, limit = at + 1, min(end, at + 1 + _LONGEST_TIME + 1)
    while after < limit and byte(data, after) != QUOTE:
        after += 1
    if after >= limit:
        return 0, NOT_FOUND
    number = _date(data, at + 1, after) if kind == DAY else _moment(data, at + 1, after)
    return number, after + 1 if number != _FAILED else NOT_FOUND


@compiled_on_borrowed
def parse_number(data: Bytes, at: int, end: int, in_thousandths: bool) -> tuple[int, int]:
    """A whole number, possibly with zeros after the point, or thousandths."""
    is_negative = at < end and byte(data, at) == MINUS
    begin = at + is_negative
    whole, at = _digits_from(data, begin, end)
    if at == begin or (byte(data, begin) == ZERO and at - begin > 1):
        return 0, NOT_FOUND
    if at - begin > (_MOST_DIGITS - 3 if in_thousandths else _MOST_DIGITS):
        return 0, NOT_FOUND
    fraction, places = 0, 0
    if at < end and byte(data, at) == POINT:
        point = at
        fraction, at = _digits_from(data, at + 1, min(end, at + 4))
        places = at - point - 1
        if places == 0 or (fraction != 0 and not in_thousandths):
            return 0, NOT_FOUND
    if not ends_here(data, at, end):
        return 0, NOT_FOUND
    if in_thousandths:
        whole = whole * 1000 + fraction * _POWERS[3 - places]
    return -whole if is_negative else whole, at


@compiled_on_borrowed
def parse_double(data: Bytes, at: int, end: int) -> tuple[int, int, int]:
    """Mantissa and decimal exponent of a number that they represent exactly."""
    is_negative = at < end and byte(data, at) == MINUS
    begin = at + is_negative
    mantissa, at = _digits_from(data, begin, end)
    digits, exponent = at - begin, 0
    if digits == 0 or (byte(data, begin) == ZERO and digits > 1):
        return 0, 0, NOT_FOUND
    if at < end and byte(data, at) == POINT:
        fraction, after = _digits_from(data, at + 1, end)
        places = after - at - 1
        if places == 0 or digits + places > _EXACT_DIGITS:
            return 0, 0, NOT_FOUND
        for _ in range(places):
            mantissa *= 10
        mantissa += fraction
        digits, exponent, at = digits + places, -places, after
    # A zero with a sign is no integer; it is left to those who read text.
    if not ends_here(data, at, end) or digits > _EXACT_DIGITS or (is_negative and mantissa == 0):
        return 0, 0, NOT_FOUND
    return -mantissa if is_negative else mantissa, exponent, at


@compiled_on_borrowed
def is_number(data: Bytes, at: int, end: int) -> bool:
    """Whether the text between `at` and `end` is a number in JSON's grammar."""
    at += byte(data, at) == MINUS
    begin = at
    _, at = _digits_from(data, at, end)
    if at == begin or (byte(data, begin) == ZERO and at - begin > 1):
        return False
    if at < end and byte(data, at) == POINT:
        begin = at + 1
        _, at = _digits_from(data, begin, end)
        if at == begin:
            return False
    if at < end and (byte(data, at) == _SMALL_E or byte(data, at) == _LARGE_E):
        at += 1
        if at < end and (byte(data, at) == MINUS or byte(data, at) == _PLUS):
            at += 1
        begin = at
        _, at = _digits_from(data, begin, end)
        if at == begin:
            return False
    return at == end


@compiled_on_borrowed
def _digits_from(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """The number formed by the digits from `at` on, and where they end; 19 or more overflow."""
    number = 0
    while at < end and ZERO <= byte(data, at) <= NINE:
        number = number * 10 + (byte(data, at) - ZERO)
        at += 1
    return number, at


@compiled_on_borrowed
def _digits(data: Bytes, at: int, count: int) -> int:
    """The number formed by exactly `count` digits at `at`; -1 if one is not a digit."""
    number, end = _digits_from(data, at, at + count)
    return number if end == at + count else -1


@compiled_on_borrowed
def _two(data: Bytes, at: int) -> int:
    """The number formed by the two digits at `at`; far below zero if one is not a digit."""
    tens, ones = byte(data, at) - ZERO, byte(data, at + 1) - ZERO
    return tens * 10 + ones if 0 <= tens <= 9 and 0 <= ones <= 9 else _NOT_A_DIGIT


@compiled_on_borrowed
def _date(data: Bytes, at: int, end: int) -> int:
    """Days from 1970-01-01 to `YYYY-MM-DD` in the proleptic Gregorian calendar.

    The arithmetic is `days_from_civil` of Howard Hinnant's "chrono-Compatible Low-Level Date
    Algorithms" (2013, public domain), for years from 1 on.
    """
    if end - at != 10 or byte(data, at + 4) != MINUS or byte(data, at + 7) != MINUS:
        return _FAILED
    year = _two(data, at) * 100 + _two(data, at + 2)
    month, day = _two(data, at + 5), _two(data, at + 8)
    if year < 1 or month < 1 or month > 12:
        return _FAILED
    is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    # From January on 31 and 30 days alternate, and begin again with August.
    longest = 28 + is_leap if month == 2 else 31 - (month - 1) % 7 % 2
    if day < 1 or day > longest:
        return _FAILED
    # Years are made to begin in March, so that the leap day comes last and the lengths of months
    # repeat every five, 153 days together. The calendar repeats every 400 years, 146,097 days.
    shifted = year - (month <= 2)
    era, year_of_era = shifted // 400, shifted % 400
    months_since_march = month - 3 if month > 2 else month + 9
    day_of_year = (153 * months_since_march + 2) // 5 + day - 1
    leap_days = year_of_era // 4 - year_of_era // 100
    # 719,468 days lie between 0000-03-01 and 1970-01-01.
    return int(era * 146_097 + year_of_era * 365 + leap_days + day_of_year - 719_468)


@compiled_on_borrowed
def _moment(data: Bytes, at: int, end: int) -> int:
    """Microseconds from 1970 to `YYYY-MM-DDTHH:MM:SSZ`, with up to six decimals of a second."""
    length = end - at
    if length < 20 or length > 27 or length == 21 or byte(data, end - 1) != _Z:
        return _FAILED
    days = _date(data, at, at + 10)
    hour, minute = _two(data, at + 11), _two(data, at + 14)
    second, micros = _two(data, at + 17), 0
    if byte(data, at + 10) != _T or byte(data, at + 13) != COLON or byte(data, at + 16) != COLON:
        return _FAILED
    if length > 20:
        micros = _digits(data, at + 20, length - 21)
        if byte(data, at + 19) != POINT or micros < 0:
            return _FAILED
        micros *= _POWERS[27 - length]
    if days == _FAILED or not (0 <= hour <= 23 and 0 <= minute <= 59 and 0 <= second <= 59):
        return _FAILED
    return int(days * _DAY_US + ((hour * 60 + minute) * 60 + second) * 1_000_000 + micros)
