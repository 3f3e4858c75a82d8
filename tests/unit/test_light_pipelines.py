"""A pipeline starts without the libraries that only a training needs."""

from __future__ import annotations

import subprocess
import sys

from lakehouse.domains import DOMAINS

HEAVY = ("sklearn", "seaborn", "matplotlib", "pandas")


def test_no_pipeline_loads_what_only_trainings_need() -> None:
    mains = [one.module for domain in DOMAINS for one in domain.services if one.job]
    assert len(mains) >= 5
    program = (
        f"import importlib, sys; [importlib.import_module(one) for one in {mains}]; "
        f"print([one for one in {HEAVY} if one in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]"
