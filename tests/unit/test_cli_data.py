"""What `cdrlake db load --dry-run` shows: readable in eighty columns, no digit lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cdrlake.cdr.cli_data import db
from lakehouse.errors import SourceError

HEADER = (
    "DP_DATE,DP_MSISDN,DP_MOC_COUNT,DP_MOC_DURATION,DP_MTC_COUNT,DP_MTC_DURATION,"
    "DP_MOSMS_COUNT,DP_MTSMS_COUNT,DP_DATA_COUNT,DP_DATA_VOLUME"
)


def test_a_dry_run_shows_first_rows_and_why_a_line_would_be_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    path = tmp_path / "RawData.csv"
    lines = ["2026-05-01 10:00:00,491710000012345,3,60.5,0,0,0,0,7,1234.5", "2026-05-01,49,1"]
    path.write_text("\n".join([HEADER, *lines]), encoding="utf-8")
    shown = CliRunner().invoke(db, ["load", "--dry-run", str(path)])
    assert shown.exit_code == 0, shown.output
    squeezed = "".join(shown.output.split())
    assert "1rowswouldbeloaded" in squeezed
    assert "MOSMS" in squeezed
    assert "60.5" in squeezed
    assert "Linesthatwouldberejected:1" in squeezed
    assert "RawData.csv" in squeezed
    assert "…" not in shown.output


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (
            ["2026-05-01 10:00:00,49,3,60.5,0,0,0,0,7,1"],
            "a subscriber number is not 8 to 15 digits",
        ),
        ([], "there is no line in it"),
    ],
)
def test_a_dry_run_with_nothing_to_load_is_an_error(
    tmp_path: Path, lines: list[str], problem: str
) -> None:
    path = tmp_path / "RawData.csv"
    path.write_text("\n".join([HEADER, *lines]), encoding="utf-8")
    shown = CliRunner().invoke(db, ["load", "--dry-run", str(path)])
    assert isinstance(shown.exception, SourceError)
    assert problem in str(shown.exception)
    with pytest.raises(SourceError, match="needs files"):
        CliRunner().invoke(db, ["load", "--dry-run"], catch_exceptions=False)


def test_what_a_terminal_would_obey_is_shown_as_text(tmp_path: Path) -> None:
    path = tmp_path / "RawData.csv"
    good = "2026-05-01 10:00:00,491710000012345,3,60.5,0,0,0,0,7,1"
    path.write_text(f"{HEADER}\n{good}\n\x1b[2J{good},x\n", encoding="utf-8")
    shown = CliRunner().invoke(db, ["load", "--dry-run", str(path)])
    assert shown.exit_code == 0
    assert "\x1b" not in shown.output
    assert "\\x1b" in "".join(shown.output.split())
