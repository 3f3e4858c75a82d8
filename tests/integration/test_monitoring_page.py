"""The dashboard in a real browser: verdict, charts, both schemes, any width, nobody else asked."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from playwright.sync_api import Browser, Page, expect

from lakehouse.domains.cdr.domain import CHURN
from lakehouse.domains.settings import Settings
from lakehouse.http import server
from monitoring.analysis.values import ENTITY, TRAIT
from monitoring.models import Registry
from monitoring.monitor import Request
from monitoring.output.folder import OutputFolder
from monitoring.traits import Traits
from monitoring.wiring import wire
from tests.integration import monitoring_data as made
from tests.integration import toy
from tests.integration.monitoring_data import ANALYSIS_START, FakeRegistry

WIDE, MIDDLE, NARROW = ({"width": width, "height": 900} for width in (1360, 820, 390))
DAYS, DRIFTED = 16, 6
READABLE = 4.5
expect.set_options(timeout=30_000)

# The contrast of each text with what is painted behind it, by the WCAG formula.
CONTRASTS = """() => {
  const rgb = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = rgb(getComputedStyle(e).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const texts = [...document.querySelectorAll("body *")].filter((e) =>
    e.checkVisibility() && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()));
  return texts.map((e) => {
    const style = getComputedStyle(e);
    const ink = light(rgb(e instanceof SVGElement ? style.fill : style.color));
    const paper = light(behind(e));
    const ratio = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
    return [e.textContent.trim().slice(0, 40), ratio];
  });
}"""


# Time limits of requests, a twentieth as long.
SOON = """{
  const patient = AbortSignal.timeout;
  AbortSignal.timeout = (ms) => patient.call(AbortSignal, ms / 20);
}"""
# A segment's name comes from a file or a database that others fill.
HOSTILE = "<img src=x onerror=\"document.title='owned'\">\x1b[2J \u202efdp.exe"
SHOWN = "<img src=x onerror=\"document.title='owned'\">\\x1b[2J \\u202efdp.exe"


def more_volume(x: dict[str, Any]) -> None:
    x["volume"] *= 2.5


def by_segment(_: Traits, rows: pl.DataFrame) -> pl.DataFrame:
    even = pl.col(ENTITY).str.slice(-1).cast(pl.Int32) % 2 == 0
    name = pl.when(even).then(pl.lit("business")).otherwise(pl.lit(HOSTILE))
    return rows.with_columns(name.alias(f"{TRAIT}segment"))


@dataclass(frozen=True)
class Served:
    """A running service; `settings` are its own."""

    address: str
    settings: Settings


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service that has looked at ten quiet days and six drifted ones without outcomes."""
    settings = made.settings_in(tmp_path_factory.mktemp("installation"))
    quiet = made.rows(ANALYSIS_START, DAYS - DRIFTED, seed=2)
    first = ANALYSIS_START + timedelta(days=DAYS - DRIFTED)
    drifted = made.rows(first, DRIFTED, seed=2, change=more_volume)
    unknown = drifted.with_columns(pl.lit(None, pl.Int32).alias("label"))
    made.append(settings, pl.concat([quiet, unknown]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Traits, "enrich", by_segment)
        parts = made.parts(settings)
        parts.service.run(Request())
        with server.serving(parts.app, "127.0.0.1", 0) as port:
            yield Served(f"http://127.0.0.1:{port}", settings)


@dataclass
class Opened:
    """A page, with its errors and the hosts that it asked."""

    page: Page
    errors: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)


def opened(
    browser: Browser, address: str, size: dict[str, int] = WIDE, scheme: str = "light"
) -> Opened:
    context = browser.new_context(viewport=size, color_scheme=scheme)  # type: ignore[arg-type]
    found = Opened(context.new_page())
    page = found.page
    page.on("pageerror", lambda error: found.errors.append(str(error)))
    page.on("console", lambda m: found.errors.append(m.text) if m.type == "error" else None)
    page.on("request", lambda request: found.hosts.add("/".join(request.url.split("/")[:3])))
    page.goto(address)
    return found


def test_the_verdict_and_its_reasons_are_seen_at_a_glance(browser: Browser, served: Served) -> None:
    seen = opened(browser, served.address)
    page = seen.page
    expect(page.locator(".headline")).to_have_text("Attention: the inputs have drifted.")
    expect(page.locator(".card.found")).to_have_count(1)
    expect(page.locator(".card.found")).to_contain_text("volume: up to")
    expect(page.locator(".card.ok")).to_have_count(2)
    expect(page.locator(".headline")).to_be_in_viewport()
    expect(page.locator("#figures")).to_contain_text("Churned")
    expect(page.locator("#slices tbody tr")).to_have_count(2)
    expect(page.locator("#slices tbody td").first).to_have_text(f"segment: {SHOWN}")
    expect(page).to_have_title("Churn model monitoring")
    expect(page.locator("#runs tbody tr")).to_have_count(1)
    assert seen.errors == []
    assert seen.hosts == {served.address}


def test_charts_show_both_performances_the_version_and_each_feature(
    browser: Browser, served: Served
) -> None:
    seen = opened(browser, served.address)
    page = seen.page
    for kind, count in (("reference", 14), ("realised", DAYS - DRIFTED), ("estimated", DAYS)):
        expect(page.locator(f"#performance .dot.{kind}")).to_have_count(count)
        expect(page.locator(f"#performance .band.{kind}")).to_have_count(1)
    expect(page.locator("#performance .limit-line")).to_have_count(1)
    expect(page.locator("#performance svg")).to_contain_text("v1")
    expect(page.locator("#heat .row")).to_have_count(len(made.FEATURES) + 1)
    expect(page.locator("#heat .row").first).to_contain_text("volume")
    page.locator("#metrics button", has_text="F1").click()
    expect(page.locator("#metrics [aria-selected=true]")).to_have_text("F1")
    page.locator("#heat .row", has_text="calls").click()
    expect(page.locator("#feature h3")).to_have_text("calls")
    expect(page.locator("#feature")).to_contain_text("Importance 0.167 in the model.")
    page.locator("#heat .row", has_text="trend").press("Enter")
    expect(page.locator("#feature h3")).to_have_text("trend")
    expect(page.locator("#feature")).not_to_contain_text("Importance")
    expect(page.locator("#performance-note")).to_contain_text("Chunks are days; bands of 95 %")
    page.locator("#performance svg").hover()
    expect(page.locator("#tip")).to_contain_text("rows")
    assert seen.errors == []


def test_a_run_can_be_asked_for_and_an_earlier_one_looked_at(
    browser: Browser, served: Served
) -> None:
    seen = opened(browser, served.address)
    page = seen.page
    rows = page.locator("#runs tbody tr")
    expect(rows.first).to_be_visible()
    before = rows.count()
    page.click("#run")
    expect(rows).to_have_count(before + 1)
    rows.last.locator("a").first.click()
    page.wait_for_url("**/?run_id=*")
    expect(page.locator(".headline")).to_have_text("Attention: the inputs have drifted.")
    assert seen.errors == []


@pytest.mark.parametrize(
    ("size", "scheme"), list(itertools.product((WIDE, MIDDLE, NARROW), ("light", "dark")))
)
def test_the_page_fits_and_can_be_read(
    browser: Browser, served: Served, size: dict[str, int], scheme: str
) -> None:
    page = opened(browser, served.address, size, scheme).page
    expect(page.locator("#heat svg")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    faint = [(text, ratio) for text, ratio in page.evaluate(CONTRASTS) if ratio < READABLE]
    assert faint == []
    button = page.locator("#run").bounding_box()
    assert button is not None
    assert 0 <= button["x"] <= button["x"] + button["width"] <= size["width"]
    assert button["height"] >= 36


def test_the_report_opens_as_a_file_and_asks_nobody(browser: Browser, served: Served) -> None:
    report: Path = served.settings.output / "report.html"
    seen = opened(browser, report.as_uri())
    expect(seen.page.locator("h1")).to_contain_text("Model version 1")
    drawn = "[...document.images].map((image) => image.naturalWidth)"
    assert min(seen.page.evaluate(drawn)) > 500
    expect(seen.page.get_by_text(SHOWN)).to_be_visible()
    expect(seen.page.get_by_text("-0.000")).to_have_count(0)
    assert not any(host.startswith("http") for host in seen.hosts)
    assert seen.errors == []


def test_the_report_of_a_run_keeps_its_style_over_http(browser: Browser, served: Served) -> None:
    run_id = OutputFolder(served.settings.output).runs()[0]
    seen = opened(browser, f"{served.address}/runs/{run_id}/report.html")
    expect(seen.page.locator("h1")).to_contain_text("Model version 1")
    expect(seen.page.locator("main")).to_have_css("max-width", "1060px")
    assert seen.errors == []


def test_the_heatmap_is_one_stop_and_arrows_move_in_it(browser: Browser, served: Served) -> None:
    page = opened(browser, served.address).page
    expect(page.locator("#heat .row[tabindex='0']")).to_have_count(1)
    page.locator("#heat .row.chosen").focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#heat .row.chosen")).to_be_focused()
    expect(page.locator("#feature h3")).to_have_text("scores")
    page.keyboard.press("ArrowUp")
    expect(page.locator("#feature h3")).to_have_text("volume")


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_labels_of_the_heatmap_are_not_clipped(
    browser: Browser, served: Served, size: dict[str, int]
) -> None:
    page = opened(browser, served.address, size).page
    expect(page.locator("#heat .row")).to_have_count(len(made.FEATURES) + 1)
    starts = "[...document.querySelectorAll('#heat .row > text')].map((t) => t.getBBox().x)"
    assert min(page.evaluate(starts)) >= 0


def test_bars_of_a_histogram_are_to_scale(browser: Browser, served: Served) -> None:
    page = opened(browser, served.address).page
    bars = page.locator("#shapes .shape", has_text="volume").locator(".bar-then")
    expect(bars.first).to_be_visible()
    heights = [float(bar.get_attribute("height") or 0) for bar in bars.all()]
    assert heights[0] > 3 * heights[len(heights) // 2] > 0, "a heavy tail looks like one"


def test_the_age_of_the_latest_score_goes_on_while_the_page_is_open(
    browser: Browser, served: Served
) -> None:
    run_id = OutputFolder(served.settings.output).runs()[0]
    page = browser.new_page()
    page.clock.install(time=made.NOW + timedelta(seconds=20))
    page.goto(served.address)
    latest = page.locator("#figures .figure", has_text="Latest score").locator("b")
    expect(latest).to_have_text(re.compile(r"^2\d s ago$"))
    page.clock.fast_forward("03:00:00")
    expect(latest).to_have_text("3 h ago")
    page.goto(f"{served.address}/?run_id={run_id}")
    expect(latest).to_have_text("0 s old then")


def test_a_service_that_hangs_is_said_to_until_it_answers_again(
    browser: Browser, served: Served
) -> None:
    page = browser.new_page()
    page.add_init_script(SOON)
    page.goto(served.address)
    expect(page.locator("#phase")).to_have_text(re.compile("have not reported yet"))
    expect(page.locator("#notice")).not_to_contain_text("does not answer")
    page.route("**/pipeline", lambda route: None)  # which never answers
    expect(page.locator("#notice")).to_contain_text("The service does not answer: ")
    page.unroute("**/pipeline")
    expect(page.locator("#notice")).not_to_contain_text("does not answer")


def test_the_page_leads_to_the_simulator(browser: Browser, served: Served) -> None:
    page = opened(browser, served.address).page
    link = page.locator(".tools [data-service=simulator]")
    expect(link).to_have_attribute("href", f"http://127.0.0.1:{served.settings.simulator.port}/")
    expect(link).to_be_visible()


def test_one_model_needs_no_switch_and_several_have_one(
    browser: Browser, served: Served, tmp_path: Path
) -> None:
    page = opened(browser, served.address).page
    expect(page.locator("h1")).to_have_text("Churn model monitoring")
    expect(page.locator("#models")).to_be_hidden()
    settings = made.settings_in(tmp_path)
    toy.append(settings, toy.rows(toy.ANALYSIS, 6), made.NOW)
    known: dict[str, Registry] = {
        CHURN.model: FakeRegistry(number=None),
        toy.OVERHEATING.model: toy.ToyRegistry(),
    }
    several = [CHURN, toy.OVERHEATING]
    parts = wire(settings, made.clock(), several, lambda scored: known[scored.model])
    parts.models[1].service.run(Request())
    with server.serving(parts.app, "127.0.0.1", 0) as port:
        seen = opened(browser, f"http://127.0.0.1:{port}")
        expect(seen.page.locator("#subtitle")).to_contain_text("No run yet")
        assert seen.errors == []
        seen.page.locator("#models a", has_text="Overheating").click()
        expect(seen.page.locator(".headline")).to_have_text("The model holds.")
        expect(seen.page.locator("#figures")).to_contain_text("Overheated")
        expect(seen.page.locator("#performance-note")).to_contain_text("Chunks are hours")
        expect(seen.page.locator("#runs tbody tr")).to_have_count(1)
        seen.page.locator("#runs tbody a").first.click()
        seen.page.wait_for_url(f"**/models/{toy.OVERHEATING.model}/?run_id=*")
        expect(seen.page.locator(".headline")).to_have_text("The model holds.")
