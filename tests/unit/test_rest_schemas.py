"""Requests made from the service's own description: never 5xx, and always as described."""

from __future__ import annotations

from pathlib import Path

from bench import serving_schemas


def test_every_answer_is_as_described(tmp_path: Path) -> None:
    seen = serving_schemas.run(150, tmp_path)
    assert {"200", "404", "422"} <= set(seen)
