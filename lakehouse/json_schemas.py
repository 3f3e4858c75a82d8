"""The contracts of the topics as JSON Schema, for producers in any language."""

from __future__ import annotations

import json
from typing import Any

from lakehouse.contracts import CDR_EVENT, CDR_OUTCOME, Contract, Kind

PUBLISHED = (CDR_EVENT, CDR_OUTCOME)
_TYPES: dict[Kind, dict[str, Any]] = {
    "string": {"type": "string"},
    "int": {"type": "integer"},
    "long": {"type": "integer"},
    "decimal": {"type": "number"},
    "double": {"type": "number"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "timestamp": {"type": "string", "format": "date-time"},
    "binary": {"type": "string", "contentEncoding": "base64"},
    "longs": {"type": "array", "items": {"type": "integer"}},
}


def json_schema(contract: Contract) -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a message; unknown fields are allowed."""
    properties: dict[str, Any] = {}
    for field in contract.fields:
        bounds = {"minimum": field.minimum, "maximum": field.maximum, "pattern": field.pattern}
        given = {key: value for key, value in bounds.items() if value is not None}
        properties[field.name] = {**_TYPES[field.kind], "description": field.doc, **given}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": contract.name,
        "version": contract.version,
        "type": "object",
        "properties": properties,
        "required": [field.name for field in contract.fields if not field.nullable],
        "additionalProperties": True,
    }


def files() -> dict[str, str]:
    """Name and text of each file in conf/contracts."""
    return {
        f"{contract.name}.json": json.dumps(json_schema(contract), indent=2) + "\n"
        for contract in PUBLISHED
    }
