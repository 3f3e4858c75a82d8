"""YAML from strangers: every file gives a value or one sentence, soon."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse import yaml_files
from lakehouse.errors import SettingsError
from lakehouse.settings import ROOT

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{after}: &{after} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, after in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (BOMB.encode(), r"line 2, column 8: .* an alias"),
        (b"[" * 100_000, r"line 1, column 17: .*16 levels of nesting"),
        (b"- " * 50_000, r"line 1, column 33: .*16 levels of nesting"),
        (b"{a: " * 30_000, r"16 levels of nesting"),
        (b"port: " + b"9" * 5_000, r"line 1, column 7: .*number of more than 64 digits"),
        (b"port: 0x" + b"f" * 50_000, r"number of more than 64 digits"),
        (b"port: 1" + b":59" * 30_000, r"number of more than 64 digits"),
        (b"a: 1\nb: \xff\xfe", r"line 2: expected text in UTF-8"),
        ("a: 1\n".encode("utf-16"), r"line 1: expected text in UTF-8"),
        (b"a: \x00", r"a character that YAML does not allow"),
        (b"a: 2026-13-45", r"line 1, column 4: .*a date that does not exist"),
        (b"a: !!int x", r"line 1, column 4: .*a number or a date"),
        (b"a: !x y", r"line 1, column 4: .*begins with ! and has no quotes"),
        (b"a: !!binary \xc3\xa9", r"line 1, column 4"),
        (b"? [a]\n: 1", r"line 1, column 3: .*a list as a key"),
        (b"a: 1" + b"\n# more" * 30_000, r"at most 128 KiB of YAML"),
        (b"a: [1\n", r"line 2, column 1"),
        (b"a: 1\n---\nb: 2\n", r"line 2"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_one_sentence(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "strange.yaml"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=message) as caught:
        yaml_files.read(path, SettingsError)
    text = str(caught.value)
    assert text.startswith(str(path)) and "\n" not in text and len(text) < 300


def test_a_folder_or_a_file_of_another_user_is_refused_and_no_file_is_not_there(
    tmp_path: Path,
) -> None:
    with pytest.raises(SettingsError, match="a file that can be read, but got Is a directory"):
        yaml_files.read(tmp_path, SettingsError)
    with pytest.raises(FileNotFoundError):
        yaml_files.read(tmp_path / "none.yaml", SettingsError)


def test_nothing_of_the_text_is_quoted(tmp_path: Path) -> None:
    path = tmp_path / "secret.yaml"
    for text in (
        "password: *Pa55",
        "password: !Pa55 x",
        "&Pa55 [*Pa55]",
        "a: !Pa55!x",
        "{Pa55",
        "a: '&Pa55",
    ):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(SettingsError) as caught:
            yaml_files.read(path, SettingsError)
        assert "Pa55" not in str(caught.value)


def test_ordinary_files_are_read_as_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "plain.yaml"
    path.write_bytes("﻿a: {b: [1, 2.5, true, ~, 2026-01-31, é]}\n".encode())
    (value,) = yaml_files.read(path, SettingsError).values()
    assert value["b"][:4] == [1, 2.5, True, None] and value["b"][5] == "é"
    path.write_bytes(b"")
    assert yaml_files.read(path, SettingsError) is None


def test_no_command_or_job_reads_yaml_without_the_limits() -> None:
    rooms = ("cdrlake", "flaskapp", "lakehouse", "mirror", "monitoring", "pyspark_jobs", "serving")
    modules = [path for room in rooms for path in (ROOT / room).rglob("*.py")]
    found = [path.name for path in modules if "yaml.safe_load" in path.read_text(encoding="utf-8")]
    assert found == []
