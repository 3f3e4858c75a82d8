"""Checks of containers, by exit code.

`healthy.py http URL`, `healthy.py queries JOB...`, `healthy.py model` (there is a champion),
`healthy.py judged` (there is a version, promoted or refused).
"""

from __future__ import annotations

import importlib
import os
import sys
import urllib.request
from datetime import timedelta
from http.client import HTTPException

from lakehouse import progress
from lakehouse.clock import SystemClock
from lakehouse.domains import DOMAINS, settings
from lakehouse.domains.cdr.domain import CHURN
from lakehouse.domains.settings import Settings
from lakehouse.registry import open_registry

TIMEOUT_S = 5
VARIABLE = "CDRLAKE_API_TOKEN"
# A query reports after each batch and, when idle, every ten seconds; a batch may be a long one.
SILENT = timedelta(minutes=5)


def answers(url: str) -> bool:
    """Whether `url` answers with success; a `/health`, which may not be open, gets the token."""
    token = os.environ.get(VARIABLE) if url.endswith("/health") else None
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 our own address
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except (OSError, HTTPException):
        return False


def queries_run(loaded: Settings, jobs: list[str]) -> bool:
    """Whether every query of `jobs` has said lately that it runs."""
    names = [importlib.import_module(f"lakehouse.domains.{one.name}.names") for one in DOMAINS]
    wanted = {query.name for each in names for query in each.QUERIES if query.job in jobs}
    since = SystemClock().now() - SILENT
    running = {
        query.query
        for query in progress.read_queries(loaded.state)
        if query.state == "running" and query.at >= since
    }
    return bool(wanted) and wanted <= running


def main(argv: list[str]) -> int:
    """0 when healthy, 1 when not, 2 for an unknown check."""
    match argv:
        case ["http", url]:
            return 0 if answers(url) else 1
        case ["queries", *jobs]:
            return 0 if queries_run(settings.load(), jobs) else 1
        case ["model"]:
            return 0 if open_registry(settings.load(), CHURN).champion() else 1
        case ["judged"]:
            return (
                0
                if any(one.verdicts for one in open_registry(settings.load(), CHURN).versions())
                else 1
            )
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
