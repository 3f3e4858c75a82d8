"""What tools outside read of joined rows, also while there is little to say."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import write_deltalake

from lakehouse.domains.fraud import contracts, names
from lakehouse.domains.fraud.settings import FraudSettings
from lakehouse.domains.settings import Settings
from lakehouse.errors import StreamError
from lakehouse.kinds import polars_schema
from lakehouse.names import table_uri
from pyspark_jobs.delta import tables
from pyspark_jobs.fraud import exports

AT = datetime(2026, 3, 2, tzinfo=UTC)


def lake(tmp_path: Path, classes: Sequence[int]) -> Settings:
    """A lake with one joined row for each of these classes."""
    own = FraudSettings(project_dir=str(tmp_path / "project"))
    settings = Settings(state_dir=str(tmp_path / "state"), fraud=own)
    tables.create_missing(settings, contracts.BRONZE_EVENTS, contracts.JOINED)
    kinds: Any = polars_schema(contracts.JOINED)
    same = {
        "account_number": "a", "ingest_ts": AT, "known_at": AT, "score": 1.5, "probability": 0.5,
        "decision": 0, "model_version": 1, "prediction_ts": AT, "prediction_latency": 0.1,
        "joined_at": AT,
    }  # fmt: skip
    told = [{"message_id": str(n), "Class": label} | same for n, label in enumerate(classes)]
    rows = pl.DataFrame(told, schema=kinds)
    data = rows.to_arrow(compat_level=pl.CompatLevel.oldest())
    write_deltalake(table_uri(settings.lake_uri, names.JOINED), data, mode="append")
    return settings


def test_before_the_first_truth_the_export_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(StreamError, match="No prediction has met its truth yet"):
        exports.joined(lake(tmp_path, []))


def test_figures_that_need_a_fraud_are_null_while_there_is_none(tmp_path: Path) -> None:
    settings = lake(tmp_path, [0, 0])
    found = exports.stats(settings)
    assert (found["rocauc"], found["prauc"]) == (None, None)
    assert json.loads((settings.fraud.project / exports.STATS).read_bytes()) == found
