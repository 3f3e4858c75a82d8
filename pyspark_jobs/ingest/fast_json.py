"""The fast reader of messages: JSON objects straight from a buffer into typed columns.

Fields may come in any order, be null or missing, and be mixed with unknown ones. A value in its
usual form (digits, `true`, plain text, `2026-03-05T10:11:12.123Z`) costs no Python object; any
other is read individually by the converters of `json_values`, as the validator would. Only valid
JSON is accepted, with its standard meaning; a message with anything else is left to the validator.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from lakehouse.contracts import Contract, Field, Kind
from lakehouse.kinds import KINDS
from pyspark_jobs.ingest import fast_json_kernel as kernel
from pyspark_jobs.ingest import fast_json_scalars as scalars
from pyspark_jobs.ingest.fast_json_bytes import Bytes, Integers, copy_texts
from pyspark_jobs.ingest.json_values import CONVERTERS, INT_MAX, INT_MIN, decode, encode_extras

_FORMS: Mapping[Kind, int] = {
    "int": scalars.WHOLE,
    "long": scalars.WHOLE,
    "decimal": scalars.THOUSANDTHS,
    "double": scalars.DOUBLE,
    "boolean": scalars.BOOLEAN,
    "string": scalars.TEXT,
    "timestamp": scalars.MOMENT,
    "date": scalars.DAY,
    "binary": scalars.OTHER,
    "longs": scalars.OTHER,
    "doubles": scalars.OTHER,
    "strings": scalars.OTHER,
}
EXTRAS = "extras"


@dataclass(frozen=True)
class Parsed:
    """The contract's typed columns, the extras, and which rows of them are valid."""

    columns: list[pl.Series]
    extras: pl.Series
    is_read: pl.Series


def read(values: pl.Series, contract: Contract) -> Parsed:
    """Read JSON objects (binary) into the fields of `contract`.

    >>> contract = Contract("t", (Field("n", "long", ""), Field("on", "date", "")), key=("n",))
    >>> found = read(pl.Series([b'{"on":"2026-03-05","n":1,"x":[2]}', b"{"]), contract)
    >>> found.is_read.to_list(), found.columns[1].to_list()[0].isoformat(), found.extras[0]
    ([True, False], '2026-03-05', '{"x":[2]}')
    """
    return _Reader(values, contract).read()


def compile_ahead() -> threading.Thread:
    """Compile the reader in the background during start-up; workers then find it on disk."""
    nothing, any_contract = pl.Series([], dtype=pl.Binary), Contract("any", (), key=())
    thread = threading.Thread(
        target=read, args=(nothing, any_contract), name="compile", daemon=True
    )
    thread.start()
    return thread


class _Reader:
    """One batch in progress: what the kernel found for each cell, and the refused rows."""

    def __init__(self, values: pl.Series, contract: Contract) -> None:
        self._fields = contract.fields
        self._data, bounds = _buffers(values)
        count, names = len(values), [spec.name.encode() for spec in contract.fields]
        layout = (
            np.frombuffer(b"".join(names), np.uint8),
            np.cumsum([0, *map(len, names)]),
            np.array([_FORMS[spec.kind] for spec in contract.fields], np.int64),
        )
        shape = (len(names), count)
        self._first, self._second = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        self._form, self._outcome = np.zeros(shape, np.uint8), np.zeros(count, np.uint8)
        # Extras are never longer than their message.
        self._buffer = np.empty(len(self._data) + 1, np.uint8)
        self._ends = np.zeros(count, np.int64)
        cells = (self._first, self._second, self._form)
        extras = (self._buffer, self._ends, self._outcome)
        kernel.read_rows(self._data, bounds, layout, cells, extras)
        self._is_read = self._outcome != kernel.REFUSED

    def read(self) -> Parsed:
        columns = [
            self._column(index, spec).alias(spec.name) for index, spec in enumerate(self._fields)
        ]
        return Parsed(columns, self._extras().alias(EXTRAS), pl.Series(self._is_read))

    def _column(self, index: int, spec: Field) -> pl.Series:
        first, second, form = self._first[index], self._second[index], self._form[index]
        is_set = form == kernel.READ
        if spec.kind == "int":
            self._is_read &= ~is_set | ((first >= INT_MIN) & (first <= INT_MAX))
        if is_set.all():
            return _typed(spec.kind, self._data, first, second)
        # Places of raw text are no values, and the text may not even be UTF-8.
        column = _typed(spec.kind, self._data, first * is_set, second * is_set)
        is_long, is_raw = form == kernel.LONG_NUMBER, form == kernel.RAW
        others = [pl.Series([None], dtype=column.dtype)]
        if is_long.any():
            others.append(self._long_numbers(first[is_long], second[is_long], is_long))
        if is_raw.any():
            others.append(self._raw_values(index, spec, column.dtype))
        position = np.zeros(len(form), np.int64)
        position[is_long] = 1 + np.arange(is_long.sum())
        position[is_raw] = 1 + is_long.sum() + np.arange(is_raw.sum())
        return _choose(is_set, column, pl.concat(others).gather(position))

    def _long_numbers(self, start: Integers, length: Integers, where: Any) -> pl.Series:
        numbers = _texts(self._data, start, length).cast(pl.Float64)
        self._is_read[where] &= numbers.is_finite().to_numpy()
        return numbers

    def _raw_values(self, index: int, spec: Field, dtype: pl.DataType) -> pl.Series:
        """Read the values that the kernel only delimited; rows for which that fails are refused."""
        convert, found = CONVERTERS[spec.kind], []
        for row in np.flatnonzero(self._form[index] == kernel.RAW):
            start = self._first[index, row]
            text = self._data[start : start + self._second[index, row]].tobytes()
            try:
                found.append(convert(decode(text)))
            except (ValueError, ArithmeticError, RecursionError):
                self._is_read[row] = False
                found.append(None)
        return _fitting(found, dtype, self._is_read, self._form[index] == kernel.RAW)

    def _extras(self) -> pl.Series:
        """Unknown fields as the validator would keep them."""
        count = len(self._outcome)
        if (self._outcome <= kernel.GOOD).all():
            return pl.Series([None], dtype=pl.String).new_from_index(0, count)
        starts = np.concatenate([[0], self._ends[:-1]])
        lengths = self._ends - starts
        is_raw = self._outcome == kernel.EXTRAS_RAW
        encoded: list[str | None] = []
        for row in np.flatnonzero(is_raw):
            text = self._buffer[starts[row] : self._ends[row]].tobytes()
            try:
                encoded.append(encode_extras(decode(text)))
            except (ValueError, RecursionError):
                self._is_read[row] = False
                encoded.append(None)
        lengths[is_raw] = 0
        as_encoded = _texts(self._buffer, starts, lengths)
        position = np.zeros(count, np.int64)
        position[is_raw] = 1 + np.arange(is_raw.sum())
        others = pl.Series([None, *encoded], dtype=pl.String).gather(position)
        return _choose(self._outcome == kernel.EXTRAS_AS_ENCODED, as_encoded, others)


def _fitting(found: list[Any], dtype: pl.DataType, is_read: Any, where: Any) -> pl.Series:
    """`found` as a column; rows with values that no column can hold are refused."""
    try:
        return pl.Series(found, dtype=dtype)
    except (pl.exceptions.PolarsError, ValueError, TypeError, OverflowError):
        fits = [_fits(value, dtype) for value in found]
        is_read[where] &= np.array(fits)
        kept = [value if fit else None for value, fit in zip(found, fits, strict=True)]
        return pl.Series(kept, dtype=dtype)


def _fits(value: Any, dtype: pl.DataType) -> bool:
    try:
        pl.Series([value], dtype=dtype)
    except (pl.exceptions.PolarsError, ValueError, TypeError, OverflowError):
        return False
    return True


def _choose(where: Any, one: pl.Series, other: pl.Series) -> pl.Series:
    chosen = pl.when(pl.Series(where)).then(one).otherwise(other)
    return pl.select(chosen).to_series()


def _buffers(values: pl.Series) -> tuple[Bytes, Integers]:
    """The bytes of all values, concatenated, and where each begins and ends."""
    array = values.to_arrow(compat_level=pl.CompatLevel.oldest())
    _, offsets, data = array.buffers()
    bounds = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    return np.frombuffer(data or b"", np.uint8), bounds


def _typed(kind: Kind, data: Bytes, first: Integers, second: Integers) -> pl.Series:
    """The column of cells that the kernel has read; other cells are zero."""
    dtype = KINDS[kind].polars
    if _FORMS[kind] == scalars.OTHER:
        return pl.Series([None], dtype=dtype).new_from_index(0, len(first))
    if kind == "string":
        return _texts(data, first, second)
    if kind == "decimal":
        return _thousandths(first)
    if kind == "double":
        return pl.Series(_doubles(first, second))
    numbers = pl.Series(first)
    if kind in ("int", "date"):
        numbers = numbers.cast(pl.Int32, strict=False)
    return numbers.cast(dtype)


def _doubles(mantissa: Integers, exponent: Integers) -> Any:
    """Mantissas times powers of ten, both exact as doubles, so that the result is rounded once."""
    power = np.power(10.0, np.abs(exponent))
    return np.where(exponent < 0, mantissa / power, mantissa * power)


def _thousandths(whole: Integers) -> pl.Series:
    """Whole thousandths as decimals: the same number in 128 bits, read with a point."""
    wide = np.stack([whole, whole >> 63], axis=1)
    buffers = [None, pa.py_buffer(wide)]
    return _series(pa.Array.from_buffers(KINDS["decimal"].arrow, len(whole), buffers))


def _texts(data: Bytes, start: Integers, length: Integers) -> pl.Series:
    ends = np.concatenate([[0], np.cumsum(length)])
    copied = np.empty(ends[-1], np.uint8)
    copy_texts(data, start, ends, copied)
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(copied)]
    return _series(pa.Array.from_buffers(pa.large_string(), len(start), buffers))


def _series(array: pa.Array) -> pl.Series:
    return pl.Series(pl.from_arrow(array))
