"""config.json: real dates in order, and errors that say where."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from lakehouse import periods
from lakehouse.errors import SettingsError
from lakehouse.periods import Period

JANUARY = '"start_date": "2026-01-01", "end_date": "2026-01-31"'


def config(folder: Path, text: str) -> Path:
    path = folder / "config.json"
    path.write_text(text, encoding="utf-8")
    return path


def test_both_periods_are_read(tmp_path: Path) -> None:
    model = '"processed_start": "2026-01-02", "processed_end": "2026-01-02"'
    read = periods.read(config(tmp_path, f"{{{JANUARY}, {model}}}"))
    assert read.analysis == Period(date(2026, 1, 1), date(2026, 1, 31))
    assert read.processed == Period(date(2026, 1, 2), date(2026, 1, 2))


def test_the_model_takes_the_analysed_period_when_none_is_given(tmp_path: Path) -> None:
    read = periods.read(config(tmp_path, f"{{{JANUARY}}}"))
    assert read.processed == read.analysis


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{\n  "start_date": "2026-01-01" // from\n}', "line 2, column 30"),
        (f'{{{JANUARY}, "end_dat": "2026-01-31"}}', "did you mean 'end_date'"),
        ('{"start_date": "2024-25-26", "end_date": "2026-01-31"}', "date, but got '2024-25-26'"),
        ('{"start_date": "2026-02-01", "end_date": "2026-01-31"}', "an end on 2026-02-01 or later"),
        ('{"start_date": "2026-02-01"}', "the key end_date"),
        (f'{{{JANUARY}, "processed_start": "2026-01-01"}}', "the key processed_end"),
        ("[]", "an object, but got list"),
    ],
)
def test_a_wrong_file_is_refused_in_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        periods.read(config(tmp_path, text))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"config\.json: expected a readable file"):
        periods.read(tmp_path / "config.json")


def test_one_date_alone_is_refused() -> None:
    with pytest.raises(SettingsError, match="both dates"):
        periods.choose(None, "2026-01-01", None)
