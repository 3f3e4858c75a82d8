"""The reader of plain messages: flat JSON objects, straight from a buffer into typed columns.

Plain is what our own producers and most others write: each field of the contract once, in any
order, numbers as digits, moments as `2026-03-05T10:11:12.123Z`, nothing escaped. Whatever is not
plain is marked and left to others; what is accepted here is JSON, and means what JSON says.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa

from lakehouse.contracts import Contract, Kind
from lakehouse.domains.cdr.contracts import CDR_EVENT
from pyspark_jobs.ingest import fast_json_kernel as kernel
from pyspark_jobs.ingest.fast_json_kernel import Bytes, Integers

_KINDS: dict[Kind, int] = {
    "int": kernel.WHOLE,
    "long": kernel.WHOLE,
    "decimal": kernel.THOUSANDTHS,
    "string": kernel.TEXT,
    "timestamp": kernel.MOMENT,
    "date": kernel.DAY,
}
_TYPES: dict[Kind, pl.DataType] = {
    "int": pl.Int32(),
    "long": pl.Int64(),
    "timestamp": pl.Datetime("us", "UTC"),
    "date": pl.Date(),
}


@dataclass(frozen=True)
class Plain:
    """Columns of the contract, typed, and which rows of them are to be believed."""

    columns: list[pl.Series]
    is_plain: pl.Series


def read(values: pl.Series, contract: Contract) -> Plain:
    """Read JSON objects (binary) into the fields of `contract`.

    >>> from lakehouse.contracts import CDR_OUTCOME
    >>> row = b'{"DP_MSISDN":"4512","date":"2026-03-05","PSEUDO_CHURNED":1,"known_at":"2026-04-05"}'
    >>> found = read(pl.Series([row, b"{}"]), CDR_OUTCOME)
    >>> found.is_plain.to_list(), found.columns[1].to_list()[0].isoformat()
    ([True, False], '2026-03-05')
    """
    data, bounds = _buffers(values)
    names = [spec.name.encode() for spec in contract.fields]
    layout = (
        np.frombuffer(b"".join(names), np.uint8),
        np.cumsum([0, *map(len, names)]),
        np.array([_KINDS[spec.kind] for spec in contract.fields]),
    )
    first = np.zeros((len(names), len(values)), np.int64)
    second = np.zeros((len(names), len(values)), np.int64)
    good = np.zeros(len(values), np.bool_)
    kernel.read_rows(data, bounds, layout, first, second, good)
    columns = [
        _column(spec.kind, data, first[index], second[index]).alias(spec.name)
        for index, spec in enumerate(contract.fields)
    ]
    return Plain(columns, pl.Series(good))


def compile_ahead() -> threading.Thread:
    """Compile the reader beside whatever else is starting; workers then find it on the disk."""
    nothing = pl.Series([], dtype=pl.Binary)
    thread = threading.Thread(target=read, args=(nothing, CDR_EVENT), name="compile", daemon=True)
    thread.start()
    return thread


def _buffers(values: pl.Series) -> tuple[Bytes, Integers]:
    """The bytes of all values behind one another, and where each begins and ends."""
    array = values.to_arrow(compat_level=pl.CompatLevel.oldest())
    _, offsets, data = array.buffers()
    bounds = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    return np.frombuffer(data or b"", np.uint8), bounds


def _column(kind: Kind, data: Bytes, first: Integers, second: Integers) -> pl.Series:
    if kind == "string":
        return _texts(data, first, second)
    if kind == "decimal":
        return _thousandths(first)
    numbers = pl.Series(first)
    if kind in ("int", "date"):
        numbers = numbers.cast(pl.Int32, strict=False)
    return numbers.cast(_TYPES[kind])


def _thousandths(whole: Integers) -> pl.Series:
    """Whole thousandths as decimals: the same number in 128 bits, read with a point."""
    wide = np.stack([whole, whole >> 63], axis=1)
    buffers = [None, pa.py_buffer(wide)]
    return _series(pa.Array.from_buffers(pa.decimal128(18, 3), len(whole), buffers))


def _texts(data: Bytes, start: Integers, length: Integers) -> pl.Series:
    ends = np.concatenate([[0], np.cumsum(length)])
    copied = np.empty(ends[-1], np.uint8)
    kernel.copy_texts(data, start, ends, copied)
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(copied)]
    return _series(pa.Array.from_buffers(pa.large_string(), len(start), buffers))


def _series(array: pa.Array) -> pl.Series:
    return pl.Series(pl.from_arrow(array))
