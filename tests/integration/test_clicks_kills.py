"""Each process of clicks killed while users and clicks come in; short for `make kills-clicks`."""

from __future__ import annotations

import os
from pathlib import Path
from unittest import mock

import pytest

from bench import kills_clicks

pytestmark = pytest.mark.domains


def test_whatever_is_killed_nothing_is_lost_or_counted_twice(tmp_path: Path) -> None:
    with mock.patch.dict(os.environ):
        assert kills_clicks.run(tmp_path, kills=1, seed=3, mongo=os.environ.get("MONGO")) == 0
