"""Mappings that are none, and what their authors are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from flaskapp.cdr import mappings
from lakehouse.errors import SourceError
from tests.unit.calls_mapping import CALLS, LOCAL


def refusal(tmp_path: Path, content: bytes) -> str:
    (tmp_path / "mine.yaml").write_bytes(content)
    with pytest.raises(SourceError) as caught:
        mappings.load("mine", tmp_path)
    assert len(str(caught.value)) < 400
    return str(caught.value)


def described(**change: Any) -> bytes:
    values = {"description": "wrong", "files": {"calls": CALLS | change}}
    return yaml.safe_dump(values).encode()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (described(time=LOCAL | {"zone": "Europe/Kopenhagen"}), "did you mean 'Europe/Copenhagen'"),
        (described(time=LOCAL | {"zone": "localtime"}), "files.calls.time.zone"),
        (described(time=LOCAL | {"formats": ["%Y-%m-%d %H"]}), "hours and minutes or neither"),
        (described(time=LOCAL | {"formats": ["%H:%M"]}), "day, month and year"),
        (described(decimal=",", thousands=","), "different signs"),
        (described(delimeter=","), "is no key here; did you mean 'delimiter'?"),
        (described(time={"formats": ["%Y-%m-%d"]}), "files.calls.time.columns is missing."),
        (
            described(**{"from": {"column": "a", "pseudonym": True, "digits": 6}}),
            "8 digits or more",
        ),
        (described(to={"column": "b", "pseudonym": True, "prefix": "99945000"}), "8 digits"),
        (described(header=["start", "a", "b"]), "every column in header"),
        (b"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]", "alias"),
        (b"[" * 5_000, "nesting"),
        (b"description: " + b"9" * 5_000, "number"),
        (b"description: \xff\xfe", "UTF-8"),
        (b"description: 2026-02-30", "a date that does not exist"),
        (b"[]", "the mapping needs keys and values, but got a list of 0"),
        (b"", "the mapping needs keys and values, but got None"),
    ],
)
def test_a_mapping_that_is_none_is_refused_in_one_sentence(
    tmp_path: Path, content: bytes, problem: str
) -> None:
    assert problem in refusal(tmp_path, content)
