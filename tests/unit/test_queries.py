"""How often a query looks for what is new."""

from __future__ import annotations

import pytest

from lakehouse.settings.spark import SparkSettings
from pyspark_jobs.engine import queries


@pytest.mark.parametrize(("every", "wanted"), [(None, None), (1.0, 0.1), (0.05, 0.05)])
def test_a_table_is_looked_at_more_often_than_kafka(
    every: float | None, wanted: float | None
) -> None:
    assert queries.following(SparkSettings(follow_seconds=0.1), every) == wanted
