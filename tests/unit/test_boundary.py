"""What reaches the terminal is a sentence, also when a library written in Rust panics."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from cdrlake import boundary
from lakehouse.errors import ServiceError


def test_a_truncated_file_of_the_lake_is_a_sentence(tmp_path: Path) -> None:
    pl.DataFrame({"number": range(1000)}).write_delta(str(tmp_path))
    file = next(tmp_path.glob("*.parquet"))
    file.write_bytes(file.read_bytes()[:-8])
    with pytest.raises(BaseException) as caught:
        pl.scan_delta(str(tmp_path)).collect()
    said = boundary.sentence_of(caught.value)
    assert said is not None
    assert said.startswith("A file of the lake could not be read")
    assert "\n" not in said


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ServiceError.sentence("Kafka is away."), "Kafka is away."),
        (PermissionError(13, "Permission denied", "/state"), "/state: Permission denied."),
        (OSError(28, "No space left on device"), "No space left on device."),
        (ValueError("a bug"), None),
    ],
)
def test_only_what_nobody_foresaw_shows_its_stack(error: Exception, said: str | None) -> None:
    assert boundary.sentence_of(error) == said
