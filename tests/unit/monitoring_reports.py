"""Settings and reports as the tests of monitoring's messages and trainings need them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from lakehouse.domains.settings import Settings
from monitoring.analysis.findings import Finding, FindingName, State
from monitoring.report import Report


def settings(**monitoring: Any) -> Settings:
    return Settings.model_validate({"monitoring": monitoring})


def report(**states: State) -> Report:
    found = tuple(
        Finding(cast(FindingName, name), state, "2026-06-01", ("volume: far",), ())
        for name, state in states.items()
    )
    return cast(Report, SimpleNamespace(findings=found, model_version=3, run_id="r"))
