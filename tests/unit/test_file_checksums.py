"""A file is sound if it has its size, and its hash or else the checksums of its pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from lakehouse.contracts import Contract, Field
from pyspark_jobs.delta.file_checksums import StoredFile, check
from pyspark_jobs.delta.files import write_file

READINGS = Contract(
    "readings",
    (Field("meter", "string", "whose"), Field("value", "double", "how much")),
    key=("meter",),
)


@pytest.fixture
def file(tmp_path: Path) -> StoredFile:
    rows = pl.DataFrame(
        {"meter": [f"m{n}" for n in range(500)], "value": [n / 7 for n in range(500)]}
    )
    written = write_file(rows, str(tmp_path), READINGS, {})
    return StoredFile("readings", str(tmp_path), written.path, written.size, None)


def flip(file: StoredFile) -> None:
    place = Path(file.uri) / file.path
    content = bytearray(place.read_bytes())
    footer = int.from_bytes(content[-8:-4], "little") + 8
    content[len(content) - footer - 1] ^= 1  # the last byte of the last page
    place.write_bytes(content)


def cut(file: StoredFile) -> None:
    place = Path(file.uri) / file.path
    place.write_bytes(place.read_bytes()[:-1])


def remove(file: StoredFile) -> None:
    (Path(file.uri) / file.path).unlink()


def test_a_sound_file_has_a_hash_and_no_difference(file: StoredFile) -> None:
    found = check(file, {})
    assert found.difference is None
    assert check(replace(file, sha256=found.sha256), {}).difference is None


@pytest.mark.parametrize(("damage", "stored"), [(flip, "CRC"), (cut, "bytes"), (remove, "no file")])
def test_a_new_file_that_is_damaged_is_named_and_has_no_hash(
    file: StoredFile, damage: Callable[[StoredFile], None], stored: str
) -> None:
    damage(file)
    found = check(file, {})
    assert found.sha256 is None
    assert found.difference is not None
    assert file.path in found.difference.key
    assert stored in found.difference.stored


def test_a_file_of_another_hash_is_named_with_both(file: StoredFile) -> None:
    noted = replace(file, sha256=check(file, {}).sha256)
    flip(file)
    difference = check(noted, {}).difference
    assert difference is not None
    assert (difference.expected, difference.stored[:8]) == (f"SHA-256 {noted.sha256}", "SHA-256 ")


def test_only_columns_that_repeat_themselves_have_a_dictionary(tmp_path: Path) -> None:
    rows = pl.DataFrame(
        {"meter": [f"m{n % 300}" for n in range(9_000)], "value": [n / 7 for n in range(9_000)]}
    )
    written = write_file(rows, str(tmp_path), READINGS, {})
    group = pq.read_metadata(tmp_path / written.path).row_group(0)
    assert [group.column(n).has_dictionary_page for n in (0, 1)] == [True, False]
