"""Whatever a stranger sent is escaped before anybody sees it."""

from __future__ import annotations

import io
import logging
import sys
import unicodedata
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from deltalake import write_deltalake
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from typer.testing import CliRunner

from cdrlake import cli, cli_quarantine
from cdrlake.ledger_table import ledger_table
from lakehouse import display, logs
from lakehouse.domains.cdr import CDR, names
from lakehouse.domains.settings import Settings
from lakehouse.errors import ContractError, RelayedError
from lakehouse.ledger import Ledger, Note
from lakehouse.names import table_uri
from lakehouse.quarantine import feed_of, reasons
from lakehouse.settings.model import LakeSettings

HOSTILE = "\x1b[2J\x07\x9b31m\u202egnp.exe\u2066\u200b\u2028\r\nERROR forged [red]x[/] [/]"
NOW = datetime(2026, 6, 1, tzinfo=UTC)


@given(st.text() | st.text(st.characters(categories=["Cc", "Cf", "Cs", "Co", "Zl", "Zp"])))
def test_what_is_shown_holds_no_hidden_character_and_is_encoded_anywhere(text: str) -> None:
    shown = display.printable(text)
    assert not any(map(display.is_hidden, shown))
    assert display.printable(shown) == shown
    shown.encode("utf-8")


@given(st.binary())
def test_any_bytes_become_text_that_can_be_shown(raw: bytes) -> None:
    assert not any(map(display.is_hidden, display.readable(raw)))


def test_plain_text_of_any_language_stays_as_it_is() -> None:
    plain = "Größe: 3 €, 你好, שלום, नमस्ते"
    assert display.printable(plain) == plain
    assert all(unicodedata.category(character) != "Cf" for character in plain)


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("+49 170", "'+49 170"),
        ("-2+3", "'-2+3"),
        ("@x", "'@x"),
        ("\t=1", "'\\t=1"),
        ("-1", "-1"),
        ("+3.5e10", "+3.5e10"),
        ("-12,5", "-12,5"),
        ("a=b", "a=b"),
        ("", ""),
    ],
)
def test_a_cell_is_no_formula(cell: str, shown: str) -> None:
    assert display.csv_cell(cell) == shown


def refused(folder: Path) -> Settings:
    """A lake whose quarantine holds a message that a stranger made up."""
    settings = Settings(lake=LakeSettings(uri=str(folder)))
    row = {
        "reasons": "not_json",
        "detail": f"expected JSON, but got {HOSTILE}",
        "raw": HOSTILE.encode(),
        "topic": names.TOPIC_EVENTS,
        "partition": 0,
        "offset": 1,
        "kafka_timestamp": NOW,
    }
    write_deltalake(table_uri(str(folder), names.QUARANTINE_EVENTS), pl.DataFrame([row]).to_arrow())
    return settings


def test_the_quarantine_is_shown_without_a_byte_that_acts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = refused(tmp_path)
    wide = Console(width=1_000, force_terminal=True, color_system=None)
    monkeypatch.setattr(cli_quarantine, "load", lambda: settings)
    monkeypatch.setattr(cli_quarantine, "CONSOLE", wide)
    with wide.capture() as shown:
        done = CliRunner().invoke(cli.app, ["quarantine", "show"], catch_exceptions=False)
    assert done.exit_code == 0
    text = shown.get()
    assert "\\x1b[2J\\x07\\x9b31m\\u202egnp.exe" in text and "[red]x[/] [/]" in text
    assert not any(display.is_hidden(c) for c in text if c != "\n")


def test_a_log_line_is_one_line_and_acts_on_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    out, before = io.StringIO(), logging.getLogger().handlers[:]
    monkeypatch.setattr(sys, "stderr", out)
    try:
        logs.configure()
        try:
            raise ValueError(HOSTILE)
        except ValueError:
            logging.getLogger("x").exception("could not take %s", HOSTILE)
    finally:
        logging.getLogger().handlers[:] = before
    first, *traceback = out.getvalue().splitlines()
    assert first.endswith("[red]x[/] [/]") and "\\nERROR forged" in first
    assert traceback[0].startswith("Traceback")
    assert not any(display.is_hidden(c) for c in out.getvalue() if c not in "\n\t")


@pytest.mark.parametrize(
    "error",
    [
        ContractError("topic t", "JSON", HOSTILE, "mend the producer"),
        RelayedError(f"topic t: expected JSON, but got {HOSTILE}; mend it."),
    ],
)
def test_an_error_says_what_came_without_doing_it(error: Exception) -> None:
    assert not any(display.is_hidden(c) for c in str(error) if c not in "\n\t")
    assert "\\x1b[2J" in str(error)


def test_a_note_of_the_ledger_names_an_id_as_text() -> None:
    notes = (Note("event ids used twice", 1, "events", detail=f"such as {HOSTILE}"),)
    console = Console(width=1_000, file=io.StringIO(), color_system=None)
    with console.capture() as shown:
        console.print(ledger_table(Ledger((), notes=notes)))
    assert "\\x1b[2J" in shown.get() and "[red]x[/] [/]" in shown.get()


def test_every_reason_of_the_feed_can_be_asked_for() -> None:
    known = reasons(feed_of(CDR))
    assert {"not_json", "too_late", "bad_msisdn", "unknown_subscriber"} <= set(known)
