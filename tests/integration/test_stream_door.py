"""The stream door of a domain that nobody knew, killed and rebalanced."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.stream_kills import run
from cdrlake.services.kafka import KafkaBroker
from lakehouse.domains.settings import Settings

pytestmark = pytest.mark.integration


def test_killed_doors_decide_everything_and_keep_their_state(
    settings: Settings, broker: KafkaBroker, tmp_path: Path
) -> None:
    found = run(settings.kafka, tmp_path, kills=2, each=2_000)
    assert (found.missing, found.other, found.states) == (0, 0, 0)
    assert found.events == 8_000
