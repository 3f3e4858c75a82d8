"""Settings of segments: holes are spans, costs give a threshold, and SageMaker's variable works."""

from __future__ import annotations

import pytest

from lakehouse.domains.segments.settings import SegmentsSettings
from lakehouse.domains.settings import load
from lakehouse.errors import SettingsError


def test_holes_are_pairs_of_first_and_last_day() -> None:
    found = load({"CDRLAKE_SEGMENTS__HOLES": "[[2015-04-01, 2015-04-30]]"}).segments
    assert [(str(first), str(last)) for first, last in found.holes] == [
        ("2015-04-01", "2015-04-30")
    ]
    with pytest.raises(SettingsError, match="first and its last day"):
        load({"CDRLAKE_SEGMENTS__HOLES": "[[2015-04-30, 2015-04-01]]"})


def test_the_threshold_comes_from_what_wrong_answers_cost() -> None:
    assert SegmentsSettings().threshold == 0.5
    assert SegmentsSettings(cost_missed=3.0, cost_needless=1.0).threshold == 0.25


def test_the_workers_may_be_named_as_sagemaker_does() -> None:
    assert load({"MODEL_SERVER_WORKERS": "3"}).serving.workers == 3
    given = {"CDRLAKE_SERVING__PLAIN_PATHS": "{/invocations: segments}"}
    assert load(given).serving.plain_paths == {"/invocations": "segments"}
