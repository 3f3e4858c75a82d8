"""Each finding is told once when it begins and once when it ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lakehouse.clock import FixedClock
from monitoring.alerts import Alert, Alerts
from tests.unit.monitoring_reports import report

QUIET = timedelta(minutes=60)
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


@dataclass
class Recorder:
    """A channel that remembers, and refuses while it is told to."""

    name: str = "recorder"
    down: bool = False
    sent: list[Alert] = field(default_factory=list)

    def send(self, notice: Alert) -> None:
        if self.down:
            raise OSError("unreachable")
        self.sent.append(notice)

    @property
    def kinds(self) -> list[tuple[str, str]]:
        return [(notice.finding, notice.kind) for notice in self.sent]


def alerts(channel: Recorder, folder: Path, clock: FixedClock) -> Alerts:
    return Alerts([channel], folder, QUIET, clock)


def test_a_finding_is_told_once_and_its_end_once(tmp_path: Path) -> None:
    channel, clock = Recorder(), FixedClock(NOW)
    for state in ("ok", "found", "found", "ok", "ok"):
        alerts(channel, tmp_path, clock)(report(data_drift=state))
        clock.advance(QUIET.total_seconds())
    assert channel.kinds == [("data_drift", "found"), ("data_drift", "resolved")]
    assert channel.sent[0].text == (
        "Data drift, model version 3: found since 2026-06-01 (run r)\n- volume: far"
    )


def test_what_comes_and_goes_is_told_once_in_the_quiet_period(tmp_path: Path) -> None:
    channel, clock = Recorder(), FixedClock(NOW)
    telling = alerts(channel, tmp_path, clock)
    for state in ("found", "ok", "found", "ok"):
        telling(report(data_drift=state))
        clock.advance(60)
    assert channel.kinds == [("data_drift", "found")]
    clock.advance(QUIET.total_seconds())
    telling(report(data_drift="ok"))
    assert channel.kinds[-1] == ("data_drift", "resolved")


def test_findings_do_not_silence_each_other(tmp_path: Path) -> None:
    channel, clock = Recorder(), FixedClock(NOW)
    telling = alerts(channel, tmp_path, clock)
    telling(report(data_drift="found", model_drift="unknown"))
    telling(report(data_drift="found", model_drift="found"))
    assert channel.kinds == [("data_drift", "found"), ("model_drift", "found")]


def test_what_was_not_delivered_is_tried_again(tmp_path: Path) -> None:
    channel, clock = Recorder(down=True), FixedClock(NOW)
    telling = alerts(channel, tmp_path, clock)
    telling(report(data_drift="found"))
    channel.down = False
    telling(report(data_drift="found"))
    assert channel.kinds == [("data_drift", "found")]
