"""The page in a real browser: start, watch, stop; wide and narrow; nothing from the internet."""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Request, expect
from pydantic import SecretStr

from flaskapp.app import create_app
from flaskapp.cdr import loader
from flaskapp.domains import sources
from flaskapp.parts import assemble
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
    parts = assemble(loaded, clock, sources(loaded, clock), stop)
    app = create_app(parts)
    relaying = threading.Thread(target=parts.relay.run)
    relaying.start()
    with server.serving(app, "127.0.0.1", 0) as port:
        yield f"http://127.0.0.1:{port}"
    parts.runner.close()
    stop.set()
    relaying.join(30)


def blank(browser: Browser, size: dict[str, int], scheme: str = "light") -> Page:
    """A window without a page."""
    context = browser.new_context(viewport=size, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(TIMEOUT_MS)
    return page


def opened(browser: Browser, address: str, size: dict[str, int], scheme: str = "light") -> Page:
    """The page, for somebody who has given the token."""
    page = blank(browser, size, scheme)
    page.add_init_script("sessionStorage.setItem('token', 'a-token')")
    page.goto(address)
    return page


def test_a_stream_is_started_watched_and_stopped_from_the_page(
    browser: Browser, address: str
) -> None:
    problems: list[str] = []
    page = blank(browser, WIDE)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(address)
    expect(page.locator("#token-form")).to_be_visible()
    page.fill("#token-form [name=token]", "another")
    page.click("#token-form button")
    expect(page.locator("#token-note")).to_have_text("That is not the token of this service.")
    page.fill("#token-form [name=token]", "a-token")
    page.click("#token-form button")
    expect(page.locator("#token-form")).to_be_hidden()
    expect(page.locator("#health")).to_have_text("all well")
    expect(page.locator("[data-step=mysql] .count")).not_to_have_text("0")
    page.fill("[name=batch_size]", "200")
    page.fill("[name=num_batches]", "500")
    page.fill("[name=interval]", "1")
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


def test_the_page_says_what_each_change_of_the_world_does(browser: Browser, address: str) -> None:
    page = opened(browser, address, WIDE)
    expect(page.locator("#replay-note")).to_have_text(re.compile("^2 days left, from "))
    page.select_option("[name=drift]", "concept_flip")
    expect(page.locator("#plan-note")).to_have_text(re.compile("the loyal.*choose replay$"))
    page.locator("[value=replay]").check(force=True)
    expect(page.locator("#plan-note")).not_to_have_text(re.compile("choose replay"))


def test_a_table_without_rows_says_what_to_do(browser: Browser, address: str) -> None:
    page = opened(browser, address, WIDE)
    expect(page.locator("#rows tr")).to_have_count(8)
    expect(page.locator("#no-rows")).to_be_hidden()
    where = page.locator("table[data-rows]").get_attribute("data-rows")
    page.route(f"**{where}?*", lambda route: route.fulfill(json=[]))
    expect(page.locator("#no-rows")).to_be_visible()
    expect(page.locator("#rows tr")).to_have_count(0)


def test_each_page_leads_to_the_other(browser: Browser, address: str, loaded: Settings) -> None:
    page = opened(browser, address, WIDE)
    link = page.locator("header [data-service=monitoring]")
    expect(link).to_have_attribute("href", f"http://127.0.0.1:{loaded.monitoring.port}/")


def test_without_its_database_the_page_says_so_and_makes_nothing_up(
    browser: Browser, loaded: Settings
) -> None:
    away = loaded.mysql.model_copy(update={"port": 1})
    broken, clock = loaded.model_copy(update={"mysql": away}), SystemClock()
    app = create_app(assemble(broken, clock, sources(broken, clock), threading.Event()))
    with server.serving(app, "127.0.0.1", 0) as port:
        page = opened(browser, f"http://127.0.0.1:{port}", WIDE)
        expect(page.locator("#health")).to_have_text("degraded")
        expect(page.locator("#problem")).to_have_text(re.compile("database at 127.0.0.1:1"))
        expect(page.locator("#lag")).not_to_have_text(re.compile("ms"))
        expect(page.locator("#lag-note")).to_have_text(re.compile("^not known"))
        expect(page.locator("[data-step=mysql] .count")).to_have_text("unknown")


def test_the_home_page_shows_each_domain_with_its_flow_and_the_way_to_its_pages(
    browser: Browser, address: str, loaded: Settings
) -> None:
    problems: list[str] = []
    page = opened(browser, address, WIDE)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.click("header .brand a")
    expect(page.locator("#health")).to_have_text("connected")
    section = page.locator("section[data-domain=cdr]")
    expect(section.locator("[data-step=mysql] .count")).to_have_text(re.compile("^[1-9]"))
    expect(section.get_by_text("Monitoring: Churn")).to_have_attribute(
        "href", f"http://127.0.0.1:{loaded.monitoring.port}/"
    )
    segments = page.locator("section[data-domain=segments]")
    expect(segments.get_by_text("Monitoring: Types of cards")).to_have_count(0)  # nobody watches it
    expect(segments.get_by_role("link", name="Segments", exact=True)).to_have_attribute(
        "href", f"http://127.0.0.1:{loaded.monitoring.port}/segments/"
    )
    expect(page.get_by_text("Models over HTTP")).to_be_visible()
    section.locator(".links a").first.click()
    expect(page.locator("#stream-state")).to_be_visible()
    assert problems == []


def test_a_service_that_hangs_is_not_all_well(browser: Browser, address: str) -> None:
    page = opened(browser, address, WIDE)
    expect(page.locator("#health")).to_have_text("all well")
    page.route("**/health", lambda route: None)  # which never answers
    expect(page.locator("#health")).to_have_text("no answer")
    expect(page.locator("#problem")).to_have_text(re.compile("has not answered since"))
    page.unroute("**/health")
    expect(page.locator("#health")).to_have_text("all well")
    expect(page.locator("#problem")).to_be_hidden()


def test_the_page_asks_nobody_but_its_own_service(browser: Browser, address: str) -> None:
    asked: list[str] = []
    page = opened(browser, address, WIDE)
    page.on("request", lambda request: asked.append(_host(request)))
    page.reload()
    expect(page.locator("#health")).to_have_text("all well")
    assert set(asked) == {address}


def _host(request: Request) -> str:
    return "/".join(request.url.split("/")[:3])
