"""The main job of clicks: users by change data capture, 20,000 clicks, windows, two versions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import polars as pl

from cdrlake.main_job import PATIENCE_S, Outcome, signs
from cdrlake.stack import Stack
from cdrlake.waiting import Waiter
from flaskapp.clicks import shop, traffic
from flaskapp.clicks.traffic import Sent, Traffic
from lakehouse import audit, documents, store, ticks
from lakehouse.clock import Clock
from lakehouse.domains.clicks import CLICKS, names
from lakehouse.domains.clicks.contracts import VIEWS
from lakehouse.domains.clicks.domain import BOTS
from lakehouse.domains.clicks.world import Visitor
from lakehouse.domains.settings import Settings
from lakehouse.errors import ServiceError
from lakehouse.ledger import Comparison, Ledger
from lakehouse.names import table_uri
from lakehouse.publisher import Publisher
from lakehouse.registry import open_registry
from lakehouse.schema_registry.client import Address, SchemaClient
from pyspark_jobs.training import requests

SLIDES = 5
# The second hour begins after the windows of the first have closed.
HOURS = (Traffic(users=150, minutes=60, minutes_ago=75), Traffic(users=50, minutes=60, seed=43))
AFTER = timedelta(minutes=11)
TRAIN = {"users": 600, "seed": 43}


@dataclass
class _Run:
    """The parts of a run, everybody who has visited so far, and the clicks that were sent."""

    stack: Stack
    clock: Clock
    waiter: Waiter
    crowd: list[Visitor] = field(default_factory=list)
    clicks: int = 0

    @property
    def settings(self) -> Settings:
        """Those of the installation."""
        return self.stack.settings


def act(stack: Stack, clock: Clock) -> Outcome:
    """An hour of clicks under version 1, then another under version 2, nothing restarted."""
    began = clock.now()
    run = _Run(stack, clock, Waiter(clock, PATIENCE_S, stack.check, signs(stack)))
    _hour(run, HOURS[0], 1)
    _second_version(run)
    found = _hour(run, HOURS[1], 2)
    return Outcome(found, {"bots": _bots(run)}, began)


def _hour(run: _Run, wanted: Traffic, version: int) -> Ledger:
    stack, settings = run.stack, run.settings
    with stack.steps.step("Users by change data capture, then their clicks") as step:
        parts = Publisher(settings.kafka), SchemaClient(Address.of(settings)), run.clock
        sent = traffic.send(wanted, lambda crowd: _known(run, crowd), *parts)
        step.say(f"{sent.users:,} users in MySQL, Kafka and lake; {sent.clicks:,} clicks")
    with stack.steps.step(f"Every window closed and scored by version {version}") as step:
        _close(run, sent)
        found = run.waiter.until(lambda: _balanced(settings, step.say), "the counts to reconcile")
        versions = _results(settings).filter(pl.col("window_start") >= _first(wanted, sent))
        if set(versions["model_version"]) != {version}:
            raise ServiceError.sentence(
                f"Version {version} is champion, and rows say {set(versions['model_version'])}."
            )
        step.say(f"{len(versions):,} windows, all counts agree")
    return found


def _known(run: _Run, crowd: traffic.Crowd) -> Sequence[Visitor]:
    """The visitors, once the lake knows them."""
    visitors = shop.register(run.settings, crowd)
    last = max(one.id for one in visitors)
    uri = table_uri(run.settings.lake_uri, names.USERS)

    def arrived() -> bool | None:
        users = store.scan(uri, run.settings.lake_options).filter(pl.col("id") == last)
        return len(users.collect()) == 1 or None

    run.waiter.until(arrived, "the users to arrive")
    run.crowd.extend(visitors)
    return visitors


def _first(wanted: Traffic, sent: Sent) -> datetime:
    """The start of the first window that only this hour's clicks are in."""
    if sent.last is None:
        raise ServiceError.sentence("No clicks were sent.")
    return sent.last - timedelta(minutes=wanted.minutes)


def _close(run: _Run, sent: Sent) -> None:
    """Let time go on once every click is in the lake, or the last ones would be late."""
    settings = run.settings
    run.clicks += sent.clicks
    bronze = table_uri(settings.lake_uri, names.BRONZE_EVENTS)

    def held() -> bool | None:
        return store.count(bronze, settings.lake_options) >= run.clicks or None

    run.waiter.until(held, "every click to be in the lake")
    if sent.last is not None:
        ticks.send(settings, names.TOPIC_EVENTS, sent.last + AFTER)


def _second_version(run: _Run) -> None:
    """Let the pipeline train a version, and promote it whatever the gates say."""
    settings, registry = run.settings, open_registry(run.settings, BOTS)
    with run.stack.steps.step("Train version 2 and promote it") as step:
        asked = requests.ask(settings, CLICKS.name, **TRAIN)
        told = run.waiter.until(
            lambda: requests.answered(settings, CLICKS.name, asked), "the training"
        )
        if told.version is None:
            raise ServiceError.sentence(f"No version was trained: {told.reason}")
        registry.promote(told.version, "by hand: the demo shows a promotion")
        newest = registry.version(told.version)
        step.say(f"version {newest.number}, {BOTS.model}: ROC-AUC {newest.figure}")


def _results(settings: Settings) -> pl.DataFrame:
    uri = table_uri(settings.lake_uri, names.RESULTS)
    return store.scan(uri, settings.lake_options).collect()


def _balanced(settings: Settings, say: Callable[[str], None]) -> Ledger | None:
    # What costs little is asked first: to audit is to read every topic from its beginning.
    own = own_checks(settings)
    if _differs(own, say):
        return None
    found = audit.audit(settings, CLICKS, {})
    if _differs(found.checks, say):
        return None
    return replace(found, checks=(*found.checks, *own))


def _differs(checks: Sequence[Comparison], say: Callable[[str], None]) -> bool:
    """Whether two counts differ, which is then said."""
    wrong = next((one for one in checks if not one.ok), None)
    if wrong is not None:
        say(f"{wrong.name}: {wrong.left:,} / {wrong.right:,}")
    return wrong is not None


def with_own_checks(found: Ledger, settings: Settings) -> Ledger:
    """The ledger with what holds only when all windows have closed, and with the documents."""
    return replace(found, checks=(*found.checks, *own_checks(settings)))


def own_checks(settings: Settings) -> tuple[Comparison, ...]:
    """Each click is counted in five windows, and each result is a document, if there are any."""
    bronze = store.scan(
        table_uri(settings.lake_uri, names.BRONZE_EVENTS), settings.lake_options
    ).select("user_id", "ts", "event")
    clicks = len(bronze.unique().collect())
    results = _results(settings)
    counted = int(results.select(pl.sum_horizontal(VIEWS).sum()).item() or 0)
    own = [Comparison(f"{SLIDES} x clicks = counted in windows", SLIDES * clicks, counted, ())]
    if settings.documents.uri is not None:
        stored = len(documents.find(settings.documents, "bot_detection_results"))
        own.append(Comparison("results = documents", len(results), stored, ()))
    return tuple(own)


def _bots(run: _Run) -> dict[str, float]:
    """Of all windows: those of bots, those called so, and those called so rightly."""
    bots = [str(one.id) for one in run.crowd if one.kind != "person"]
    results = _results(run.settings)
    is_bot, called = pl.col("user_id").is_in(bots), pl.col("prediction") == "bot"
    figures = results.select(
        windows=pl.len(), bots=is_bot.sum(), called=called.sum(), right=(is_bot & called).sum()
    )
    return {name: float(value) for name, value in figures.row(0, named=True).items()}
