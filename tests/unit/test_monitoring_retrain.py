"""Which findings start a training, when again, and by which command."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from lakehouse.clock import FixedClock
from lakehouse.domain import Scored
from lakehouse.domains.cdr.domain import CHURN
from lakehouse.domains.settings import Settings
from lakehouse.errors import SettingsError
from monitoring.retrain import Retrain
from monitoring.site import sites
from monitoring.wiring import _retrain
from tests.unit.monitoring_reports import report, settings

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


@dataclass
class Trainings:
    """What would have been started, and whether it is still running."""

    started: list[Any] = field(default_factory=list)
    is_running: bool = False

    def __call__(self, command: Any, **_: Any) -> Trainings:
        self.started.append(command)
        self.is_running = True
        return self

    def poll(self) -> int | None:
        return None if self.is_running else 1


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> Trainings:
    found = Trainings()
    monkeypatch.setattr("monitoring.retrain.subprocess.Popen", found)
    return found


def retraining(folder: Path, clock: FixedClock) -> Retrain:
    again = timedelta(hours=24)
    return Retrain(("model_drift", "model_degradation"), ("train",), folder, again, clock)


def test_training_starts_only_for_the_findings_that_ask_for_it(
    tmp_path: Path, trainings: Trainings
) -> None:
    retrain = retraining(tmp_path / "logs", FixedClock(NOW))
    for states in ({"data_drift": "found"}, {"model_drift": "ok"}, {"model_drift": "found"}):
        retrain(report(**cast(Any, states)))
    assert trainings.started == [("train",)]


def test_a_finding_that_appears_during_a_training_is_answered_after_it(
    tmp_path: Path, trainings: Trainings
) -> None:
    retrain = retraining(tmp_path, FixedClock(NOW))
    retrain(report(model_drift="found"))
    retrain(report(model_drift="found", model_degradation="found"))
    assert len(trainings.started) == 1, "one at a time"
    trainings.is_running = False
    retrain(report(model_drift="found", model_degradation="found"))
    assert len(trainings.started) == 2


def test_a_finding_that_outlasts_a_refused_training_is_answered_again_a_day_later(
    tmp_path: Path, trainings: Trainings
) -> None:
    clock = FixedClock(NOW)
    retraining(tmp_path, clock)(report(model_drift="found"))
    trainings.is_running = False
    again = retraining(tmp_path, clock)
    clock.advance(timedelta(hours=23).total_seconds())
    again(report(model_drift="found"))
    assert len(trainings.started) == 1, "an attempt outlives the process"
    clock.advance(timedelta(hours=1).total_seconds())
    again(report(model_drift="found"))
    assert len(trainings.started) == 2


def commands(chosen: Settings, *others: Scored) -> list[Any]:
    found = sites(chosen, [CHURN, *others])
    listeners = [_retrain(chosen, site, FixedClock(NOW)) for site in found]
    return [[cast(Retrain, one)._command for one in some] for some in listeners]


def test_the_command_of_a_training_is_a_setting() -> None:
    other = replace(CHURN, model="other")
    assert commands(settings()) == [[]]
    plain = settings(retrain_on=["data_drift"])
    assert commands(plain, other) == [[(sys.executable, "-m", "cdrlake.cli", "train")], []]
    named = settings(retrain_on=["data_drift"], retrain_command=["train-it", "{model}"])
    assert commands(named, other) == [[("train-it", CHURN.model)], [("train-it", "other")]]


def test_a_training_is_refused_where_there_is_no_spark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitoring.wiring.PathFinder.find_spec", lambda _name: None)
    with pytest.raises(SettingsError, match=r"retrain_on.*Spark"):
        commands(settings(retrain_on=["data_drift"]))


def test_a_training_is_not_refused_while_spark_is_hidden() -> None:
    from monitoring.analysis.nanny import _light

    with _light():
        assert commands(settings(retrain_on=["data_drift"]))[0]
