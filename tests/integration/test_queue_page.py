"""The investigators' page in a real browser, with texts that a stranger has sent."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from flaskapp.cards.investigate import create_app
from flaskapp.cards.record import INSERT, row
from lakehouse import mysql
from lakehouse.clock import SystemClock
from lakehouse.domains.cards import contracts, names
from lakehouse.domains.cards.features import NAMES
from lakehouse.domains.settings import Settings
from lakehouse.http import server

pytestmark = pytest.mark.integration
HOSTILE = "<img src=x onerror=\"document.title='owned'\">\x1b[2J \u202efdp.exe"
SHOWN = "<img src=x onerror=\"document.title='owned'\">\\x1b[2J \\u202efdp.exe"


def decision() -> dict[str, Any]:
    """A flagged transaction; its texts are what somebody hopes that a page will run."""
    fields: dict[str, Any] = dict.fromkeys(contracts.COLUMNS)
    moment = "2026-01-01T00:00:00+00:00"
    return fields | {
        "trans_num": "t<b>'1", "trans_date_trans_time": moment, "cc_num": "4000000000000002",
        "merchant": HOSTILE, "category": HOSTILE, "amt": 10.0, "is_fraud": 1, "score": 0.9,
        "decision": "block", "expected_loss": 9.0, "model_version": 1, "predicted_at": moment,
        "features": [0.0] * len(NAMES),
    }  # fmt: skip


def test_what_a_browser_would_obey_is_shown_as_text_and_can_still_be_judged(
    browser: Browser, fresh: Settings
) -> None:
    with mysql.connect(fresh.mysql) as connection, mysql.transaction(connection) as cursor:
        cursor.execute(INSERT, row(json.loads(json.dumps(decision())), 0.01))
    with server.serving(create_app(fresh, SystemClock()), "127.0.0.1", 0) as port:
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{port}/")
        expect(page.locator("article h2")).to_have_text(f"10.00 at {SHOWN}")
        expect(page.locator("summary")).to_be_visible()
        assert SHOWN in (page.locator("details table").text_content() or "")
        assert page.locator("img").count() == 0
        assert page.title() == "Transactions to look at"
        page.get_by_role("button", name="Fraud").click()
        expect(page.locator("#said")).to_have_text("Recorded.")
    with mysql.connect(fresh.mysql) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT trans_num, fraud_confirmed FROM {names.MYSQL_TABLE}")
        assert cursor.fetchall() == [("t<b>'1", 1)]
