"""The fraud pipeline killed in the middle of its work; `make kills-fraud` is the long form."""

from __future__ import annotations

import pytest

from bench import kills_fraud
from bench.stand import Stand

pytestmark = pytest.mark.domains


def test_killed_again_and_again_it_comes_to_the_same() -> None:
    with Stand() as stand:
        assert kills_fraud.run(stand, kills=2, batches=12, seed=3) == 0
