"""One table of kinds: the type of a contract's field in every engine that reads or writes it.

The Arrow type is declared; the Spark and polars types are derived from it, so no two engines can
disagree.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import polars as pl
import pyarrow as pa

from lakehouse.contracts import DECIMAL_DIGITS, DECIMAL_PLACES, Contract, Kind


@dataclass(frozen=True)
class KindTypes:
    """A kind in Arrow, in MySQL, and in JSON Schema."""

    arrow: pa.DataType
    mysql: str
    json: dict[str, Any]

    @cached_property
    def polars(self) -> pl.DataType:
        """The type of a polars column."""
        series = pl.from_arrow(pa.array([], self.arrow))
        return cast(pl.Series, series).dtype


def _list(element: pa.DataType, nullable: bool = False) -> pa.DataType:
    return pa.list_(pa.field("element", element, nullable=nullable))


def _array(items: str) -> dict[str, Any]:
    return {"type": "array", "items": {"type": items}}


KINDS: dict[Kind, KindTypes] = {
    "string": KindTypes(pa.string(), "VARCHAR(255)", {"type": "string"}),
    "int": KindTypes(pa.int32(), "INT", {"type": "integer"}),
    "long": KindTypes(pa.int64(), "BIGINT", {"type": "integer"}),
    "decimal": KindTypes(
        pa.decimal128(DECIMAL_DIGITS, DECIMAL_PLACES),
        f"DECIMAL({DECIMAL_DIGITS}, {DECIMAL_PLACES})",
        {"type": "number"},
    ),
    "double": KindTypes(pa.float64(), "DOUBLE", {"type": "number"}),
    "boolean": KindTypes(pa.bool_(), "BOOLEAN", {"type": "boolean"}),
    "date": KindTypes(pa.date32(), "DATE", {"type": "string", "format": "date"}),
    "timestamp": KindTypes(
        pa.timestamp("us", "UTC"), "DATETIME(6)", {"type": "string", "format": "date-time"}
    ),
    "binary": KindTypes(pa.binary(), "LONGBLOB", {"type": "string", "contentEncoding": "base64"}),
    "longs": KindTypes(_list(pa.int64()), "JSON", _array("integer")),
    # Spark writes change files whose lists may hold nulls, which delta-rs then reads as no others.
    "doubles": KindTypes(_list(pa.float64(), nullable=True), "JSON", _array("number")),
    "strings": KindTypes(_list(pa.string()), "JSON", _array("string")),
}


def arrow_schema(contract: Contract) -> pa.Schema:
    """The contract's columns in Arrow, and thereby in Delta."""
    return pa.schema([pa.field(f.name, KINDS[f.kind].arrow, f.nullable) for f in contract.fields])


def polars_schema(contract: Contract) -> dict[str, pl.DataType]:
    """The contract's columns in polars, by name."""
    return {field.name: KINDS[field.kind].polars for field in contract.fields}
