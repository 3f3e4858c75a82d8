"""The report on segments is made when something has changed, and not with every view."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from lakehouse import store
from lakehouse.clock import FixedClock
from lakehouse.domains.settings import Settings
from lakehouse.registry import Registry
from lakehouse.registry.stores import MemoryStore
from monitoring.segments import routes
from monitoring.segments.report import SegmentsReport


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How many reports were made, and the version of both tables."""
    now = {"reports": 0, "version": 1}

    def report(*_: Any) -> SegmentsReport:
        now["reports"] += 1
        return cast(SegmentsReport, now["reports"])

    monkeypatch.setattr(routes, "report", report)
    monkeypatch.setattr(store, "version", lambda *_: now["version"])
    return now


def seen(reports: routes.Reports) -> int:
    """Which of the reports a view gets."""
    return cast(int, reports.latest())


def test_a_change_is_shown_within_half_a_minute_and_costs_one_report(
    made: dict[str, int], tmp_path: Any
) -> None:
    clock = FixedClock(datetime(2026, 3, 2, tzinfo=UTC))
    registry = Registry(MemoryStore(tmp_path), clock)
    reports = routes.Reports(Settings(), registry, clock)
    assert [seen(reports) for _ in range(3)] == [1, 1, 1]
    made["version"] = 2
    assert seen(reports) == 1
    clock.advance(30)
    assert [seen(reports) for _ in range(3)] == [2, 2, 2]
    clock.advance(3_600)
    assert seen(reports) == 2


def test_a_promotion_is_a_change_too(
    made: dict[str, int], monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    clock = FixedClock(datetime(2026, 3, 2, tzinfo=UTC))
    registry = Registry(MemoryStore(tmp_path), clock)
    reports = routes.Reports(Settings(), registry, clock)
    reports.latest()
    promoted = type("Champion", (), {"number": 7})
    monkeypatch.setattr(registry, "champion", lambda: promoted)
    clock.advance(30)
    assert seen(reports) == 2 == made["reports"]
