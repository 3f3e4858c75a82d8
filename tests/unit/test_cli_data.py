"""What `cdrlake db load --dry-run` shows: readable in eighty columns, no digit lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cdrlake.cdr.cli_data import db

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
