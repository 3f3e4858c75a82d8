"""The investigators' page, as far as it needs no database."""

from __future__ import annotations

import json

import pytest

from flaskapp.cards.investigate import _why
from lakehouse.domains.cards.features import NAMES


def test_the_features_of_a_transaction_say_why_it_is_to_be_looked_at() -> None:
    values = {**dict.fromkeys(NAMES, -1.0), "sum_24h": 1234.0, "new_merchant": 1.0}
    values["new_category"] = 0.0
    shown = _why(json.dumps([values[name] for name in NAMES]))
    assert shown == [("spent within 24 hours", "1,234"), ("new merchant", "")]


@pytest.mark.parametrize(
    "features",
    ["[]", json.dumps([0.0] * (len(NAMES) + 1)), "null", '"text"', json.dumps([None] * len(NAMES))],
)
def test_features_of_another_kind_say_nothing(features: str) -> None:
    assert _why(features) == []
