"""What a run leaves behind: everything if it is on the present, else its own folder and record."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lakehouse.clock import FixedClock
from monitoring.chunks import Period
from monitoring.monitor import Request
from monitoring.output.folder import OutputFolder
from monitoring.report import Report
from monitoring.service import Service

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
CHOSEN = [
    Request(start=date(2026, 5, 18)),
    Request(end=date(2026, 5, 18)),
    Request(model_version=1),
    Request(period=Period.parse("W")),
]


@dataclass
class Site:
    """A service whose runs are nothing but their ids, and what it told and recorded."""

    folder: Path
    told: list[str] = field(default_factory=list)
    recorded: list[str] = field(default_factory=list)

    def service(self) -> Service:
        monitor = SimpleNamespace(run=lambda _request, run_id: SimpleNamespace(run_id=run_id))
        records = SimpleNamespace(add=lambda report: self.recorded.append(report.run_id))
        return Service(
            cast(Any, monitor),
            OutputFolder(self.folder),
            cast(Any, records),
            FixedClock(NOW),
            [lambda report: self.told.append(report.run_id)],
        )

    def content(self, place: str) -> str:
        return (self.folder / place / "report.json").read_text(encoding="utf-8")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(
        "monitoring.output.files.render", lambda report: {"report.json": report.run_id.encode()}
    )
    return Site(tmp_path)


@pytest.mark.parametrize("request_", CHOSEN)
def test_a_run_on_a_chosen_period_or_version_is_not_the_latest(
    site: Site, request_: Request
) -> None:
    service = site.service()
    present, chosen = service.run(Request()), service.run(request_)
    assert site.content(f"runs/{chosen.run_id}") == chosen.run_id
    for place in ("", "latest", f"runs/{present.run_id}"):
        assert site.content(place) == present.run_id
    assert service.latest is present
    assert site.told == [present.run_id]
    assert site.recorded == [present.run_id, chosen.run_id]


def test_before_the_first_run_on_the_present_nothing_is_the_latest(site: Site) -> None:
    service = site.service()
    service.run(CHOSEN[0])
    assert service.latest is None
    assert not (site.folder / "latest").exists()


def test_the_latest_report_of_an_earlier_process_is_found(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = cast(Report, SimpleNamespace(run_id="earlier"))
    monkeypatch.setattr(OutputFolder, "latest", lambda _: earlier)
    assert site.service().latest is earlier


def test_a_latest_report_that_cannot_be_read_is_none(site: Site) -> None:
    (site.folder / "latest").mkdir()
    for text in ("", "{}", '{"schema_version": 1}'):
        (site.folder / "latest" / "report.json").write_text(text, encoding="utf-8")
        assert OutputFolder(site.folder).latest() is None
