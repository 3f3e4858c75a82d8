"""Tests of SQL files that are wrong themselves say so in a sentence, before anything is run."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from lakehouse.domains.clicks import CLICKS
from lakehouse.errors import StreamError
from lakehouse.settings import ROOT
from pyspark_jobs.sql import rows_test, sql_file
from pyspark_jobs.sql.catalog import Catalog
from pyspark_jobs.sql.rows_test import Case

FILES = sql_file.read_folder(ROOT / "conf" / "pipelines" / "clicks")


@pytest.mark.parametrize(
    ("text", "got"),
    [
        ("", "Expected `object`, got `null`"),
        ("- given\n- expect", "Expected `object`, got `array`"),
        ("given: {}", "Object missing required field `expect`"),
        ("given: {}\nexpect: {}\nexpekt: {}", "Object contains unknown field `expekt`"),
        ("given:\nexpect: {}", "Expected `object`, got `null` - at `$.given`"),
        ("given: {events: }\nexpect: {}", "Expected `array`, got `null` - at `$.given[...]`"),
        ("given: {}\nexpect: {a: [1]}", "Expected `object`, got `int` - at `$.expect[...][0]`"),
        ("given: {}\nexpect: {a: [{1: 2}]}", "Expected `str`, got `int` - at `key` in"),
        ("given: {}\nexpect: {}\n1: 2", "Expected `str`"),
    ],
)
def test_a_file_that_is_no_test_is_refused(tmp_path: Path, text: str, got: str) -> None:
    path = tmp_path / "tests" / "a.yaml"
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(StreamError) as refused:
        rows_test.read(tmp_path)
    assert str(refused.value).startswith(f"{path}: expected `given` and `expect` with lists of")
    assert got in str(refused.value)


@pytest.mark.parametrize(
    ("given", "expect", "sentence"),
    [
        ("evnts", "clicks_once",
         "a.yaml: there is no stream or table called 'evnts'; did you mean 'events'?"),
        ("events", "clicks_onze",
         "a.yaml: there is no file of the pipeline called 'clicks_onze'; did you mean "
         "'clicks_once'?"),
    ],
)  # fmt: skip
def test_a_misspelt_name_is_answered_with_the_closest(
    given: str, expect: str, sentence: str
) -> None:
    tested = rows_test.Tested(cast(Any, None), FILES, Catalog.of(CLICKS))
    with pytest.raises(StreamError) as refused:
        rows_test.differences(tested, Case("a.yaml", {given: []}, {expect: []}), "batch")
    assert str(refused.value) == sentence
