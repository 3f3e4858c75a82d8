"""Schemathesis over the service's own description: `make schemas CASES=20000`.

Every case is an actual request to a running service. None may be answered with 5xx, with a status
or media type that the description does not list, or with a body that is not as described.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from serving.cdr import routes as churn
from serving.fraud import routes as fraud
from serving.rest.extension import arranged
from tests.rest.service import running

CHECKS = [content_type_conformance, response_schema_conformance, status_code_conformance]


def run(cases: int, folder: Path) -> Counter[str]:
    """Send that many cases to a service of its own; returns how many got which status.

    Raises `AssertionError` for the first answer that is not as described.
    """
    seen: Counter[str] = Counter()
    own = arranged({"churn": churn.ROUTES, "fraud": fraud.ROUTES}, {})
    with running(folder, extra=tuple(own)) as service:
        schema = schemathesis.openapi.from_url(f"http://127.0.0.1:{service.port}/openapi.json")
        operations = [found.ok() for found in schema.get_all_operations()]
        strategies = [
            operation.as_strategy(generation_mode=mode)
            for operation in operations
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
            if mode is GenerationMode.POSITIVE or operation.body or operation.query
        ]
        # Routes without parameters have few cases, so others get theirs in further rounds.
        while seen.total() < cases:
            share = max((cases - seen.total()) // len(strategies), 1)
            for strategy in strategies:
                _send(strategy, share, seen)
    return seen


def _send(strategy: st.SearchStrategy[schemathesis.Case], cases: int, seen: Counter[str]) -> None:
    @settings(max_examples=cases, deadline=None, database=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(case=strategy)
    def send(case: schemathesis.Case) -> None:
        answer = case.call()
        assert answer.status_code < 500, (case.method, case.formatted_path, answer.text)
        case.validate_response(answer, checks=CHECKS)
        seen[str(answer.status_code)] += 1

    send()


def main() -> int:
    """Run from the command line; returns 0 if every answer was as described."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=20_000)
    with tempfile.TemporaryDirectory() as folder:
        seen = run(parser.parse_args().cases, Path(folder))
    print(f"{seen.total():,} cases, none of them 5xx or otherwise than described: {dict(seen)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
