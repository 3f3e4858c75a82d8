"""What `ingest --accept-loss` did is said, message by message that is gone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from cdrlake import losses
from lakehouse import names
from lakehouse.domains.settings import load
from lakehouse.names import table_uri

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def test_each_gap_is_named_with_its_offsets(tmp_path: Path) -> None:
    settings = load({"CDRLAKE_STATE_DIR": str(tmp_path)})
    assert losses.accepted_since(settings, NOW)[0].startswith("No message was lost")
    gaps = [("t", 1, 5, 6, NOW), ("t", 0, 10, 2_010, NOW), ("t", 0, 1, 2, NOW - timedelta(days=1))]
    columns = ["topic", "partition", "first", "until", "accepted_at"]
    table = pl.DataFrame(gaps, schema=columns, orient="row")
    table.write_delta(table_uri(settings.lake_uri, names.DATA_LOSS))
    assert losses.accepted_since(settings, NOW) == [
        "Went on without 2,000 messages of topic t, partition 0, offsets 10 to 2009; "
        "noted in ops.data_loss.",
        "Went on without 1 message of topic t, partition 1, offsets 5 to 5; "
        "noted in ops.data_loss.",
    ]
    later = losses.accepted_since(settings, NOW + timedelta(seconds=1))
    assert later[0].startswith("No further message was lost")
