"""The main jobs of several domains in one run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cdrlake import demos, main_job
from cdrlake.console import CONSOLE
from cdrlake.main_job import Cost
from lakehouse.domain import Domain
from lakehouse.domains.cdr import CDR
from lakehouse.errors import LedgerError, ServiceError

OTHER = replace(CDR, name="other", title="Other events")


def run(domain: Domain) -> Cost:
    if domain.name == "other":
        raise LedgerError.sentence("The ledger does not agree: sent is 3 against 2.")
    return Cost(90.0, {"pipeline": 2 * 1024**3, "kafka": 1024**3})


def test_one_that_fails_does_not_keep_the_others_from_running() -> None:
    with CONSOLE.capture() as told, pytest.raises(ServiceError, match="1 of 2 demos failed: other"):
        demos.run_all([OTHER, CDR], run)
    table = told.get().partition("Demos")[2]
    assert "does not agree" in " ".join(table.split())
    row = next(line for line in table.splitlines() if "cdr" in line)
    assert [part.strip() for part in row.split("│")[1:-1]] == [
        "cdr",
        "all counts agree",
        "1.5",
        "3.0",
    ]


def test_a_domain_says_whether_it_has_a_main_job() -> None:
    assert main_job.has_demo(CDR)
    assert not main_job.has_demo(replace(CDR, name="nobody"))
