"""The page in a real browser: start, watch, stop; wide and narrow; nothing from the internet."""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Request, expect
from pydantic import SecretStr

from flaskapp.app import Parts, create_app
from flaskapp.cdr import loader
from flaskapp.relay import Relay
from flaskapp.runner import Runner
from lakehouse.clock import SystemClock
from lakehouse.domains.settings import Settings
from lakehouse.http import server

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("broker")]
WIDE, MIDDLE, NARROW = ({"width": width, "height": 900} for width in (1360, 820, 390))
TIMEOUT_MS = 30_000
expect.set_options(timeout=TIMEOUT_MS)


@pytest.fixture
def loaded(fresh: Settings) -> Settings:
    world = fresh.world.model_copy(update={"subscribers": 50, "history_days": 10, "replay_days": 2})
    api = fresh.api.model_copy(update={"token": SecretStr("a-token")})
    small = fresh.model_copy(update={"world": world, "api": api})
    loader.load_history(small)
    return small


@pytest.fixture
def address(loaded: Settings) -> Iterator[str]:
    """A running service with its relay."""
    clock, stop = SystemClock(), threading.Event()
    runner, relay = Runner(loaded, clock), Relay(loaded, clock, stop)
    app = create_app(Parts(loaded, clock, runner, relay))
    relaying = threading.Thread(target=relay.run)
    relaying.start()
    with server.serving(app, "127.0.0.1", 0) as port:
        yield f"http://127.0.0.1:{port}"
    runner.close()
    stop.set()
    relaying.join(30)


def opened(browser: Browser, address: str, size: dict[str, int], scheme: str = "light") -> Page:
    """The page, with its own errors and its requests to other hosts kept on it."""
    context = browser.new_context(viewport=size, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(TIMEOUT_MS)
    page.goto(address)
    return page


def test_a_stream_is_started_watched_and_stopped_from_the_page(
    browser: Browser, address: str
) -> None:
    problems: list[str] = []
    page = opened(browser, address, WIDE)
    page.on("pageerror", lambda error: problems.append(str(error)))
    expect(page.locator("#health")).to_have_text("all well")
    expect(page.locator("[data-step=mysql] .count")).not_to_have_text("0")
    page.fill("[name=batch_size]", "200")
    page.fill("[name=num_batches]", "500")
    page.fill("[name=interval]", "1")
    page.click("#start")
    expect(page.locator("#answer")).to_have_text("a bearer token is needed")
    page.fill("[name=token]", "a-token")
    page.click("#start")
    expect(page.locator("#answer")).to_have_text("Streaming started")
    expect(page.locator("#stream-state")).to_have_text("live running")
    expect(page.locator("[data-step=mysql][data-moving]")).to_be_visible()
    expect(page.locator("[data-step=kafka][data-moving]")).to_be_visible()
    expect(page.locator("#rows tr")).to_have_count(8)
    expect(page.locator("#chart path.sent")).to_have_attribute("d", _a_line())
    page.click("#stop")
    expect(page.locator("#stream-state")).to_have_text("live stopped")
    expect(page.locator("#start")).to_be_enabled()
    assert problems == []


def _a_line() -> re.Pattern[str]:
    return re.compile(r"^M[\d. ]+L")


def test_the_page_fits_its_window_and_can_be_worked_by_hand(browser: Browser, address: str) -> None:
    for size, scheme in itertools.product((WIDE, MIDDLE, NARROW), ("light", "dark")):
        page = opened(browser, address, size, scheme)
        expect(page.locator("#health")).to_have_text("all well")
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        for button in ("#start", "#stop"):
            box = page.locator(button).bounding_box()
            assert box is not None
            assert box["height"] >= 44
            assert 0 <= box["x"] <= box["x"] + box["width"] <= size["width"]
        overflowing = page.evaluate(
            "[...document.querySelectorAll('.box h3, .box .count, .figure')]"
            ".filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.textContent)"
        )
        assert overflowing == [], (size, scheme)


def test_the_page_asks_nobody_but_its_own_service(browser: Browser, address: str) -> None:
    asked: list[str] = []
    page = opened(browser, address, WIDE)
    page.on("request", lambda request: asked.append(_host(request)))
    page.reload()
    expect(page.locator("#health")).to_have_text("all well")
    assert set(asked) == {address}


def _host(request: Request) -> str:
    return "/".join(request.url.split("/")[:3])
