"""The compiled inner loops of `fast_json`: one pass over the bytes, no object for any value.

A message is `{`, fields, `}`. A field value in the usual form is read here; any other value is only
delimited, and its text is left to Python's own JSON reader. Together they accept exactly the valid
JSON.
"""

from __future__ import annotations

import numpy as np

from lakehouse.compiled import compiled_on_borrowed
from pyspark_jobs.ingest.fast_json_bytes import (
    CLOSE,
    COLON,
    COMMA,
    NOT_FOUND,
    NULL_WORD,
    OPEN,
    QUOTE,
    Bytes,
    Integers,
    byte,
    copy_span,
    is_literal,
    is_plain,
    past_spaces,
    skip_value,
)
from pyspark_jobs.ingest.fast_json_scalars import (
    BOOLEAN,
    DAY,
    DOUBLE,
    TEXT,
    THOUSANDTHS,
    is_number,
    parse_boolean,
    parse_double,
    parse_number,
    parse_text,
    parse_time,
)

# Names of the fields behind one another, where each begins and ends, and their forms.
Layout = tuple[Bytes, Integers, Integers]
# For each field and row: two numbers that hold the value, and how they do so.
Cells = tuple[Integers, Integers, Bytes]
# The bytes of all extras behind one another, where those of each row end, and the row's outcome.
Extras = tuple[Bytes, Integers, Bytes]

# How a cell holds its value: not at all; as null; as a number (double: mantissa and decimal
# exponent) or a span of plain text; as the span of a number with many digits; as a span of JSON.
ABSENT, NULL, READ, LONG_NUMBER, RAW = range(5)
# What became of a row: left to the validator; read; read with extras that are, or are not, the text
# that Python's encoder would make of them.
REFUSED, GOOD, EXTRAS_AS_ENCODED, EXTRAS_RAW = range(4)
_SPLIT = np.frombuffer(b"columns", np.uint8)


@compiled_on_borrowed
def read_rows(data: Bytes, bounds: Integers, layout: Layout, cells: Cells, extras: Extras) -> None:
    """Fill the cells and the extras of the objects between `bounds`."""
    first, second, form = cells
    buffer, ends, outcome = extras
    written = 0
    for row in range(len(outcome)):
        places = (bounds[row], bounds[row + 1], written)
        of_row = (first[:, row], second[:, row], form[:, row])
        outcome[row], after = _read_row(data, places, layout, of_row, buffer)
        if outcome[row] == REFUSED:
            first[:, row] = 0
            second[:, row] = 0
            form[:, row] = ABSENT
        else:
            written = after
        ends[row] = written


@compiled_on_borrowed
def _read_row(
    data: Bytes, places: tuple[int, int, int], layout: Layout, cells: Cells, buffer: Bytes
) -> tuple[int, int]:
    """Read one object; returns its outcome, and where its extras end in `buffer`."""
    # Taken apart here: a tuple of arrays that is handed further down costs as much as a field.
    names, name_bounds, kinds = layout
    first, second, form = cells
    at, end, written = places
    outcome, expected, last_extra = GOOD, 0, NOT_FOUND
    at = past_spaces(data, at, end)
    if at >= end or byte(data, at) != OPEN:
        return REFUSED, written
    while True:
        at = past_spaces(data, at + 1, end)
        field = _field(data, at, end, names, name_bounds, expected)
        if field >= 0:
            at = _past_colon(data, at + name_bounds[field + 1] - name_bounds[field] + 2, end)
            if at < 0 or form[field] != ABSENT:
                return REFUSED, written
            first[field], second[field], at = _usual_value(data, at, end, kinds[field])
            form[field] = READ
            if at < 0:
                first[field], second[field], form[field], at = _other_value(
                    data, ~at, end, kinds[field]
                )
            expected = field + 1 if field + 1 < len(kinds) else 0
        else:
            outcome, written, after = _extra(
                data, (at, end), (last_extra, written), outcome, buffer
            )
            last_extra, at = at, after
        at = past_spaces(data, at, end) if at >= 0 else end
        if at >= end or byte(data, at) != COMMA:
            break
    if at >= end or byte(data, at) != CLOSE or past_spaces(data, at + 1, end) != end:
        return REFUSED, written
    if outcome != GOOD:
        buffer[written] = CLOSE
        written += 1
    return outcome, written


@compiled_on_borrowed
def _past_colon(data: Bytes, at: int, end: int) -> int:
    """Where the value of the name that ends at `at` begins."""
    at = past_spaces(data, at, end)
    if at >= end or byte(data, at) != COLON:
        return NOT_FOUND
    return past_spaces(data, at + 1, end)


@compiled_on_borrowed
def _usual_value(data: Bytes, at: int, end: int, kind: int) -> tuple[int, int, int]:
    """The two numbers of a cell and where its value ends; `~at` for a value in another form."""
    first, second, after = 0, 0, NOT_FOUND
    if kind <= THOUSANDTHS:
        first, after = parse_number(data, at, end, kind == THOUSANDTHS)
    elif kind == TEXT:
        first, second, after = parse_text(data, at, end)
    elif kind <= DAY:
        first, after = parse_time(data, at, end, kind)
    elif kind == DOUBLE:
        first, second, after = parse_double(data, at, end)
    elif kind == BOOLEAN:
        first, after = parse_boolean(data, at, end)
    return first, second, after if after >= 0 else ~at


@compiled_on_borrowed
def _other_value(data: Bytes, at: int, end: int, kind: int) -> tuple[int, int, int, int]:
    """As `_usual_value`, for null and for a value that is only delimited; the form comes third."""
    after, _ = skip_value(data, at, end)
    if after < 0:
        return 0, 0, ABSENT, NOT_FOUND
    # Of all values only `null` begins with n, and skip_value has seen its other letters.
    if byte(data, at) == NULL_WORD[0]:
        return 0, 0, NULL, after
    is_long = kind == DOUBLE and is_number(data, at, after)
    return at, after - at, LONG_NUMBER if is_long else RAW, after


@compiled_on_borrowed
def _extra(
    data: Bytes, span: tuple[int, int], so_far: tuple[int, int], outcome: int, buffer: Bytes
) -> tuple[int, int, int]:
    """Take up the unknown field at `span`: the row's outcome, where its extras end, and the field.

    `so_far` is the place of the unknown field before it and the end of what is in the buffer.
    """
    name, end = span
    last, written = so_far
    name_end = _past_name(data, name, end)
    if name_end < 0:
        return REFUSED, written, NOT_FOUND
    value = _past_colon(data, name_end, end)
    if value < 0:
        return REFUSED, written, NOT_FOUND
    after, is_as_encoded = skip_value(data, value, end)
    if after < 0:
        return REFUSED, written, NOT_FOUND
    buffer[written] = OPEN if last < 0 else COMMA
    written = copy_span(data, name, name_end, buffer, written + 1)
    buffer[written] = COLON
    written = copy_span(data, value, after, buffer, written + 1)
    in_order = last < 0 or _is_before(data, last, name)
    keeps = is_as_encoded and in_order and outcome != EXTRAS_RAW
    return EXTRAS_AS_ENCODED if keeps else EXTRAS_RAW, written, after


@compiled_on_borrowed
def _field(data: Bytes, at: int, end: int, names: Bytes, bounds: Integers, expected: int) -> int:
    """The field whose quoted name is at `at`; the expected one is tried first."""
    count = len(bounds) - 1
    for turn in range(count):
        field = expected + turn if expected + turn < count else expected + turn - count
        begin, length = bounds[field], bounds[field + 1] - bounds[field]
        if (
            at + length + 1 >= end
            or byte(data, at) != QUOTE
            or byte(data, at + length + 1) != QUOTE
        ):
            continue
        k = 0
        while k < length and byte(data, at + 1 + k) == byte(names, begin + k):
            k += 1
        if k == length:
            return field
    return NOT_FOUND


@compiled_on_borrowed
def _past_name(data: Bytes, at: int, end: int) -> int:
    """Where the unknown name at `at` ends; nowhere if it might be more than an extra field."""
    if at >= end or byte(data, at) != QUOTE:
        return NOT_FOUND
    after = at + 1
    # An escape or a letter beyond ASCII may spell a name in another way; the validator knows.
    while after < end and is_plain(byte(data, after)):
        after += 1
    if after >= end or byte(data, after) != QUOTE:
        return NOT_FOUND
    # A message in pandas' "split" layout, where `columns` names the fields of many rows.
    if after - at - 1 == len(_SPLIT) and is_literal(data, at + 1, after, _SPLIT):
        return NOT_FOUND
    return after + 1


@compiled_on_borrowed
def _is_before(data: Bytes, left: int, right: int) -> bool:
    """Whether the quoted name at `left` sorts before the one at `right`; both are plain ASCII."""
    k = 1
    while byte(data, left + k) == byte(data, right + k) and byte(data, left + k) != QUOTE:
        k += 1
    if byte(data, left + k) == QUOTE or byte(data, right + k) == QUOTE:
        return byte(data, right + k) != QUOTE
    return byte(data, left + k) < byte(data, right + k)
