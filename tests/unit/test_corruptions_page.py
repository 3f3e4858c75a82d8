"""Damaged files: how they are damaged, and which words name one."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from bench.corruptions import DAMAGES
from bench.corruptions_page import Trial


@pytest.mark.parametrize("how", DAMAGES.values(), ids=DAMAGES)
def test_damage_changes_what_is_there(how: Callable[..., bytes | None]) -> None:
    content = bytes(range(1, 100))
    assert how(content, Random(1)) != content


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        ("/x/lake/gold/model_predictions: 1 row differs", "refused"),
        ("something went wrong in /x/lake/0", "not named"),
    ],
)
def test_words_that_name_no_file_folder_or_table_are_no_refusal(said: str, outcome: str) -> None:
    trial = Trial(1, "log of a table", "lake/gold/model_predictions/_delta_log/0.json", "emptied")
    assert trial.with_outcome("refused", said).outcome == outcome
