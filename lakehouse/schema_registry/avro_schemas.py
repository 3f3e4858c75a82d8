"""Avro messages framed as Confluent frames them: a zero byte, the schema's id, then Avro."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable, Mapping
from typing import Any

import fastavro
import pyarrow as pa

from lakehouse.errors import ContractError

MAGIC = 0
HEAD = struct.Struct(">bI")
Schema = dict[str, Any]

_MOMENT = {"type": "long", "logicalType": "timestamp-micros"}
_TYPES: Mapping[pa.DataType, Any] = {
    pa.string(): "string",
    pa.int32(): "int",
    pa.int64(): "long",
    pa.float64(): "double",
    pa.bool_(): "boolean",
    pa.binary(): "bytes",
    pa.date32(): {"type": "int", "logicalType": "date"},
    pa.timestamp("us", "UTC"): _MOMENT,
}


def parse(text: str) -> Schema:
    """The schema in `text`. Raises `ContractError` if it is none."""
    try:
        schema = json.loads(text)
        fastavro.parse_schema(schema)
    except (ValueError, TypeError, KeyError, fastavro.schema.SchemaParseException) as error:
        raise ContractError.sentence(f"This is no Avro schema: {error!r}.") from None
    found: Schema = schema if isinstance(schema, dict) else {"type": schema}
    return found


def canonical(schema: Any) -> str:
    """The schema as text, the same for two that differ in white space only."""
    return json.dumps(schema, separators=(",", ":"))


def of_arrow(name: str, fields: pa.Schema) -> Schema:
    """A record with these columns; every field may be missing, so that columns can be added."""
    made = [
        {"name": one.name, "type": ["null", _TYPES[one.type]], "default": None} for one in fields
    ]
    return {"type": "record", "name": name.replace("-", "_"), "fields": made}


def writer(number: int, schema: Schema) -> Callable[[Mapping[str, Any]], bytes]:
    """A function that frames a record of schema `number`."""
    parsed, head = fastavro.parse_schema(schema), HEAD.pack(MAGIC, number)

    def write(record: Mapping[str, Any]) -> bytes:
        out = io.BytesIO()
        out.write(head)
        fastavro.schemaless_writer(out, parsed, record)
        return out.getvalue()

    return write


def is_framed(value: bytes | None) -> bool:
    """Whether a message begins like a framed one; JSON never begins with a zero byte."""
    return value is not None and len(value) > HEAD.size - 1 and value[0] == MAGIC


def schema_id(value: bytes) -> int:
    """The id of the schema that a framed message was written with."""
    return int(HEAD.unpack_from(value)[1])


def read(value: bytes, schema: Schema) -> dict[str, Any]:
    """The record of a framed message, by the schema that it was written with.

    Raises `ContractError` for bytes that are no such record, or more than one.
    """
    body = io.BytesIO(value)
    body.seek(HEAD.size)
    try:
        record = fastavro.schemaless_reader(body, fastavro.parse_schema(schema))
    except Exception as error:
        # Random bytes bring out whatever the reader stumbles over, memory errors included.
        raise ContractError.sentence(f"no record of this schema ({error!r})") from None
    if not isinstance(record, dict) or body.read(1):
        raise ContractError.sentence("not exactly one record of this schema")
    return record
