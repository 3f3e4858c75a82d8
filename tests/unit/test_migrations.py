"""The files of migrations: those that were ever applied somewhere stay as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from flaskapp import migrations
from lakehouse.errors import DatabaseError

# What installations have recorded; a number and its content never change, a folder may.
RECORDED = {
    1: "d81f3833c87c1c479b4c03e7b1f1e7e80b6a1f2704f3d623787948dd2880d0b5",
    2: "84bd8fca986ef96e98e4b7c5a18203a43a0e671b94a6de19262c6f2202fc5c47",
    3: "cc159fbe8a659c2cf2031cfbad2756200797ce2cc1e7f2dcc292c2b76f706f29",
    4: "e0952b0c3f4e6508b8593152c9325653c874fdf679a1ce1cb47a1f7ea7e29ed8",
    5: "6497bfb57fa912226d22c6315158956fe56379668a03673a3f215f41ccdd868b",
    6: "c39f3d7f346024c43f71a76ed4827c84931c121919a915cd114bd4931316f6e6",
}


def test_what_installations_have_recorded_is_still_there() -> None:
    found = {one.version: one.sha256 for one in migrations.find()}
    assert {version: found.get(version) for version in RECORDED} == RECORDED


def test_numbers_are_one_sequence_over_all_folders() -> None:
    versions = [one.version for one in migrations.find()]
    assert versions == list(range(len(versions)))


def test_a_number_that_two_files_have_is_refused(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"003_{folder}.sql").write_text("SELECT 1;")
    with pytest.raises(DatabaseError, match=r"a number of its own.*take the next free one"):
        migrations.find(tmp_path)


def test_a_domain_of_its_own_folder_adds_its_files(tmp_path: Path) -> None:
    (tmp_path / "900_toy.sql").write_text("SELECT 1;")
    found = migrations.find(migrations.FOLDER, tmp_path)
    assert [one.name for one in found][-1] == "toy"
