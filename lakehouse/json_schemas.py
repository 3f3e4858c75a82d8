"""The contracts of the topics as JSON Schema, for producers in any language."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from lakehouse.contracts import Contract
from lakehouse.kinds import KINDS


def json_schema(contract: Contract) -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a message; unknown fields are allowed."""
    properties: dict[str, Any] = {}
    for field in contract.fields:
        bounds = {
            "minimum": field.minimum,
            "maximum": field.maximum,
            "pattern": field.pattern,
            "maxLength": field.max_length,
        }
        given = {key: value for key, value in bounds.items() if value is not None}
        properties[field.name] = {**KINDS[field.kind].json, "description": field.doc, **given}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": contract.name,
        "version": contract.version,
        "type": "object",
        "properties": properties,
        "required": [field.name for field in contract.fields if not field.nullable],
        "additionalProperties": True,
    }


def files(contracts: Iterable[Contract]) -> dict[str, str]:
    """Name and text of each file in conf/contracts, one per contract in `contracts`."""
    return {
        f"{contract.name}.json": json.dumps(json_schema(contract), indent=2) + "\n"
        for contract in contracts
    }
