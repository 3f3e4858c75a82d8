"""Monitoring gives memory back at once, whoever starts it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from lakehouse.children import die_with_parent
from lakehouse.settings import ROOT
from monitoring import memory


@pytest.mark.parametrize("inherited", ["", "dirty_decay_ms:500,muzzy_decay_ms:1000"])
def test_the_choice_of_a_parent_with_polars_does_not_hold(inherited: str) -> None:
    asked = "import monitoring.memory, polars, os; print(os.environ['_RJEM_MALLOC_CONF'])"
    done = subprocess.run(
        [sys.executable, "-c", asked], cwd=ROOT, env=os.environ | {"_RJEM_MALLOC_CONF": inherited},
        check=True, capture_output=True, text=True, preexec_fn=die_with_parent(),
    )  # fmt: skip
    assert done.stdout.strip().endswith(f",{memory.AT_ONCE}")


def test_memory_can_be_given_back() -> None:
    memory.give_back()
