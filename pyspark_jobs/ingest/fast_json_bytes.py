"""Compiled steps over JSON bytes: skip spaces, a literal, or any value."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lakehouse.compiled import compiled_on_borrowed

Bytes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]

NOT_FOUND = -1
QUOTE, COLON, COMMA, OPEN, CLOSE, SPACE = (ord(c) for c in '":,{} ')
BACKSLASH, MINUS, POINT, ZERO, NINE = (ord(c) for c in "\\-.09")
_OPEN_LIST, _CLOSE_LIST, _PLUS, _SMALL_E, _LARGE_E = (ord(c) for c in "[]+eE")
LAST_PRINTABLE = 126
TRUE, FALSE, NULL_WORD = (np.frombuffer(w, np.uint8) for w in (b"true", b"false", b"null"))
# Deeper values go to the validator, where Python's own limit holds.
_DEEPEST = 50
# With so many digits, the shortest text that gives a double again is the text itself.
_EXACT_DIGITS = 15
# A double below 0.0001 is written with an exponent.
_LEADING_ZEROS = 3


@compiled_on_borrowed
def byte(data: Bytes, at: int) -> int:
    """The byte at `at`; as an unsigned index, numba need not check whether it is negative."""
    return data[np.uintp(at)]  # type: ignore[no-any-return]


@compiled_on_borrowed
def past_spaces(data: Bytes, at: int, end: int) -> int:
    """The first position from `at` on that holds none of JSON's four whitespace characters."""
    while at < end and byte(data, at) <= SPACE:
        value = byte(data, at)
        if value != SPACE and value != 9 and value != 10 and value != 13:
            return at
        at += 1
    return at


@compiled_on_borrowed
def is_plain(value: int) -> bool:
    """Whether a byte stands for itself in a text: printable ASCII, no quote, no backslash."""
    return SPACE <= value <= LAST_PRINTABLE and value != QUOTE and value != BACKSLASH


@compiled_on_borrowed
def is_literal(data: Bytes, at: int, end: int, word: Bytes) -> bool:
    """Whether `word` stands at `at`."""
    if at + len(word) > end:
        return False
    for k in range(len(word)):  # noqa: SIM110 - numba has no generators
        if byte(data, at + k) != word[k]:
            return False
    return True


@compiled_on_borrowed
def ends_here(data: Bytes, at: int, end: int) -> bool:
    """Whether a number can end before the byte at `at`."""
    if at >= end:
        return True
    value = byte(data, at)
    return value in (COMMA, CLOSE) or value <= SPACE


@compiled_on_borrowed
def skip_value(data: Bytes, at: int, end: int) -> tuple[int, bool]:
    """Where the value at `at` ends, and whether Python's encoder would write it exactly like that.

    The inside of strings, numbers and brackets may still not be valid JSON, unless it would be.
    """
    if at >= end:
        return NOT_FOUND, False
    value = byte(data, at)
    if value == QUOTE:
        return _skip_string(data, at, end)
    if value in (OPEN, _OPEN_LIST):
        return _skip_brackets(data, at, end), False
    if value == MINUS or ZERO <= value <= NINE:
        return _skip_number(data, at, end)
    for word in (TRUE, FALSE, NULL_WORD):
        if is_literal(data, at, end, word):
            return at + len(word), True
    return NOT_FOUND, False


@compiled_on_borrowed
def _skip_string(data: Bytes, at: int, end: int) -> tuple[int, bool]:
    as_encoded, at = True, at + 1
    while at < end and byte(data, at) != QUOTE:
        if byte(data, at) == BACKSLASH:
            as_encoded = False
            at += 1
        elif byte(data, at) < SPACE or byte(data, at) > LAST_PRINTABLE:
            as_encoded = False
        at += 1
    return (at + 1, as_encoded) if at < end else (NOT_FOUND, False)


@compiled_on_borrowed
def _skip_brackets(data: Bytes, at: int, end: int) -> int:
    depth = 0
    while at < end:
        value = byte(data, at)
        if value == QUOTE:
            at, _ = _skip_string(data, at, end)
            if at < 0:
                return NOT_FOUND
            continue
        if value in (OPEN, _OPEN_LIST):
            depth += 1
        elif value in (CLOSE, _CLOSE_LIST):
            depth -= 1
        at += 1
        if depth == 0:
            return at
        if depth > _DEEPEST:
            return NOT_FOUND
    return NOT_FOUND


@compiled_on_borrowed
def _skip_number(data: Bytes, at: int, end: int) -> tuple[int, bool]:
    """As `skip_value`; as encoded are whole numbers, and decimals that a double keeps exactly."""
    begin = at + (byte(data, at) == MINUS)
    after, point, is_plain = begin, NOT_FOUND, True
    while after < end:
        value = byte(data, after)
        if value == POINT and point < 0:
            point = after
        elif value in (POINT, MINUS, _PLUS, _SMALL_E, _LARGE_E):
            is_plain = False
        elif not ZERO <= value <= NINE:
            break
        after += 1
    if not is_plain or after - begin > _EXACT_DIGITS:
        return after, False
    whole_end = after if point < 0 else point
    if whole_end == begin or (byte(data, begin) == ZERO and whole_end - begin > 1):
        return after, False
    if point < 0:
        return after, byte(data, begin) != ZERO or begin == at
    if after == point + 2:
        return after, True
    if after < point + 2 or byte(data, after - 1) == ZERO:
        return after, False
    zeros = 0
    while byte(data, point + 1 + zeros) == ZERO:
        zeros += 1
    return after, byte(data, begin) != ZERO or zeros <= _LEADING_ZEROS


@compiled_on_borrowed
def copy_texts(data: Bytes, start: Integers, ends: Integers, copied: Bytes) -> None:
    """Concatenate the texts that begin at `start`, so that they end at `ends[1:]`."""
    for row in range(len(start)):
        for k in range(ends[row + 1] - ends[row]):
            copied[ends[row] + k] = data[start[row] + k]


@compiled_on_borrowed
def copy_span(data: Bytes, at: int, end: int, buffer: Bytes, written: int) -> int:
    """Copy the bytes between `at` and `end` into `buffer` at `written`; returns where they end."""
    for k in range(at, end):
        buffer[written] = data[k]
        written += 1
    return written
