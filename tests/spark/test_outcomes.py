from __future__ import annotations

import numpy as np
import polars as pl
from pyspark.sql import SparkSession

from lakehouse.domain import Outcomes
from lakehouse.domains.cdr.contracts import BRONZE_OUTCOMES
from lakehouse.domains.cdr.domain import CHURN
from lakehouse.outcomes import latest
from pyspark_jobs.training.labels import latest_outcomes

OUTCOMES = Outcomes(BRONZE_OUTCOMES, "who", "at", "came_true", ("known", "place"))


def test_spark_and_polars_agree_on_the_last_word(spark: SparkSession) -> None:
    rng = np.random.default_rng(0)
    rows = 2_000
    known = pl.Series(rng.integers(0, 4, rows))
    words = pl.DataFrame(
        {
            "who": rng.integers(0, 40, rows).astype(str),
            "at": rng.integers(0, 5, rows),
            "came_true": rng.random(rows) < 0.5,
            "known": pl.select(pl.when(known > 0).then(known)).to_series(),
            "place": rng.permutation(rows),
        }
    )
    ours = latest(words.lazy(), OUTCOMES).collect()
    spoken = latest_outcomes(spark.createDataFrame(words.to_arrow()), OUTCOMES, CHURN)
    theirs = pl.DataFrame(spoken.toArrow())
    assert theirs.columns == ["User", "Date", "label"]
    assert len(ours) == 200
    assert sorted(theirs.rows()) == sorted(ours.cast({"came_true": pl.Int32}).rows())
