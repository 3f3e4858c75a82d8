"""A published contract says what the judge says."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from lakehouse import json_schemas
from lakehouse.domains.cdr.contracts import CDR_OUTCOME

OUTCOME = {
    "DP_MSISDN": "4512345678",
    "date": "2026-05-01",
    "PSEUDO_CHURNED": 1,
    "known_at": "2026-06-01",
}


@pytest.mark.parametrize(
    ("changes", "valid"),
    [
        ({}, True),
        ({"note": "kept"}, True),
        ({"PSEUDO_CHURNED": 2}, False),
        ({"DP_MSISDN": "x"}, False),
        ({"known_at": None}, False),
    ],
)
def test_the_schema_tells_good_from_bad(changes: dict[str, Any], valid: bool) -> None:
    schema = json.loads(json.dumps(json_schemas.json_schema(CDR_OUTCOME)))
    validator = jsonschema.Draft202012Validator(schema)
    assert validator.is_valid(OUTCOME | changes) is valid
