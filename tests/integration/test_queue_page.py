"""The investigators' page in a real browser, with texts that a stranger has sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, Page, expect

from flaskapp.cards import stations
from flaskapp.cards.investigate import create_app
from flaskapp.cards.record import INSERT, row
from lakehouse import mysql, outages
from lakehouse.clock import SystemClock
from lakehouse.domains.cards import names
from lakehouse.domains.cards.features import NAMES
from lakehouse.domains.cards.messages import DecisionRow
from lakehouse.domains.settings import Settings
from lakehouse.http import server

pytestmark = pytest.mark.integration
HOSTILE = "<img src=x onerror=\"document.title='owned'\">\x1b[2J \u202efdp.exe"
SHOWN = "<img src=x onerror=\"document.title='owned'\">\\x1b[2J \\u202efdp.exe"


def decision() -> DecisionRow:
    """A flagged transaction; its texts are what somebody hopes that a page will run."""
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    return DecisionRow(
        trans_num="t<b>'1", trans_date_trans_time=moment.isoformat(), cc_num="4000000000000002",
        merchant=HOSTILE, category=HOSTILE, amt=10.0, is_fraud=1, score=0.9, decision="block",
        expected_loss=9.0, model_version=1, predicted_at=moment, features=(0.0,) * len(NAMES),
    )  # fmt: skip


@contextmanager
def opened(browser: Browser, settings: Settings) -> Iterator[Page]:
    """The investigators' page of an installation."""
    with server.serving(create_app(settings, SystemClock()), "127.0.0.1", 0) as port:
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{port}/")
        yield page
        page.close()


def test_what_a_browser_would_obey_is_shown_as_text_and_can_still_be_judged(
    browser: Browser, fresh: Settings
) -> None:
    with mysql.connect(fresh.mysql) as connection, mysql.transaction(connection) as cursor:
        cursor.execute(INSERT, row(decision(), 0.01))
    with opened(browser, fresh) as page:
        expect(page.locator("article h2")).to_have_text(f"10.00 at {SHOWN}")
        expect(page.locator("summary")).to_be_visible()
        assert SHOWN in (page.locator("details table").text_content() or "")
        assert page.locator("main img").count() == 0
        assert page.title() == "Transactions to look at"
        page.get_by_role("button", name="Fraud").click()
        expect(page.locator("#said")).to_have_text("Recorded.")
    with mysql.connect(fresh.mysql) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT trans_num, fraud_confirmed FROM {names.MYSQL_TABLE}")
        assert cursor.fetchall() == [("t<b>'1", 1)]


def test_parts_are_taken_away_and_brought_back_with_buttons(
    browser: Browser, settings: Settings
) -> None:
    """The page says what each stage has still to handle, and needs no database for it."""
    nobody = settings.mysql.model_copy(update={"port": 1})
    cards = settings.cards.model_copy(update={"outage_buttons": True})
    chosen = settings.model_copy(update={"mysql": nobody, "cards": cards})
    with opened(browser, chosen) as page:
        expect(page.locator("#stages li")).to_have_count(len(stations.STAGES))
        expect(page.locator("#said")).to_contain_text("The queue cannot be read now")
        part = page.locator("[data-name=mysql]")
        part.get_by_role("button", name="Take away").click()
        expect(part).to_contain_text("Database: away")
        assert outages.away(chosen.state) == {"mysql"}
        part.get_by_role("button", name="Bring back").click()
        expect(part.get_by_role("button", name="Take away")).to_be_visible()
        assert outages.away(chosen.state) == set()


def test_without_the_setting_nothing_can_be_taken_away(settings: Settings) -> None:
    client = create_app(settings, SystemClock()).test_client()
    assert client.get("/stations").get_json()["parts"] == []
    assert client.post("/parts", json={"name": "mysql", "is_away": True}).status_code == 404
    assert outages.away(settings.state) == set()
