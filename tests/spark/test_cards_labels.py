"""What training takes for true, and how much each row counts."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from pyspark.sql import SparkSession

from lakehouse.domains.cards.domain import FRAUD
from lakehouse.errors import SourceError
from pyspark_jobs.cards.labels import FILE, WEIGHTS, labels, read_validated
from pyspark_jobs.cards.train import standing_for_all
from pyspark_jobs.training.sample import LabelledRows

AT = datetime(2026, 3, 1, tzinfo=UTC)
SOURCE = "trans_num string, is_fraud int"
OUTCOMES = (
    "trans_num string, fraud_confirmed int, chance double, known_at timestamp, "
    "kafka_timestamp timestamp, offset long"
)


def test_the_newest_verdict_counts_before_the_file_and_the_source(
    spark: SparkSession, tmp_path: Path
) -> None:
    (tmp_path / FILE).write_text("trans_num,is_fraud\nfiled,1\nboth,0\nsure,1\n")
    (tmp_path / WEIGHTS).write_text("trans_num,weight\nfiled,4.0\nboth,100.0\nsure,50.0\n")
    source = [("plain", 0), ("sure", 0), ("both", None), ("filed", None), ("nobody", None)]
    verdicts = [("both", 0, 0.05, AT, AT, 1), ("both", 1, 0.05, AT, AT, 2),
                ("early", 0, None, AT, AT, 3)]  # fmt: skip
    found = labels(
        spark.createDataFrame(source, SOURCE),
        spark.createDataFrame(verdicts, OUTCOMES),
        read_validated(spark, str(tmp_path)),
    ).collect()
    assert {row["trans_num"]: (row["label"], row["weight"]) for row in found} == {
        "plain": (0, 1.0),
        "sure": (1, 1.0),  # the source told of every transaction, so nothing was drawn
        "filed": (1, 4.0),
        "both": (1, 20.0),
        "early": (0, 1.0),
    }


def test_a_missing_file_is_no_verdict_and_a_broken_one_an_error(
    spark: SparkSession, tmp_path: Path
) -> None:
    assert read_validated(spark, str(tmp_path)) is None
    (tmp_path / FILE).write_text("something,else\n1,2\n")
    with pytest.raises(SourceError, match=FILE):
        read_validated(spark, str(tmp_path))


def test_a_row_that_was_drawn_stands_for_those_that_were_not() -> None:
    frame = pl.DataFrame({"trans_num": ["a", "b"], "weight": [1.0, 20.3], "label": [1, 0]})
    whole = standing_for_all(LabelledRows(frame, (), FRAUD))
    assert whole.frame["trans_num"].to_list() == ["a"] + ["b"] * 20
    assert whole.label.tolist() == [1] + [0] * 20
