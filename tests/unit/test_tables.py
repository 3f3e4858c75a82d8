"""Tables that are there already, and tables that cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse import store
from lakehouse.domains.cdr.contracts import PROCESSED_DATA
from lakehouse.domains.settings import Settings
from lakehouse.errors import StreamError
from lakehouse.names import table_uri
from lakehouse.settings.model import LakeSettings
from pyspark_jobs.delta import tables


def test_a_log_cut_in_half_is_refused_by_name_and_fine_again_once_it_is_whole(
    tmp_path: Path,
) -> None:
    settings = Settings(lake=LakeSettings(uri=str(tmp_path)))
    tables.create_missing(settings, PROCESSED_DATA)
    uri = table_uri(settings.lake_uri, PROCESSED_DATA.name)
    (commit,) = (Path(uri) / "_delta_log").glob("*.json")
    whole = commit.read_bytes()
    commit.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(StreamError, match=r"_delta_log: needed a log that can be read"):
        tables.create_missing(settings, PROCESSED_DATA)
    commit.write_bytes(whole)
    tables.create_missing(settings, PROCESSED_DATA)
    assert store.count(uri) == 0
