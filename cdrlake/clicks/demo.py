"""The main job of clicks: users by change data capture, 20,000 clicks, windows, two versions."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

import polars as pl

from cdrlake.main_job import PATIENCE_S, Outcome, signs
from cdrlake.services import process
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
from lakehouse.settings import ROOT

SLIDES, STOP_S = 5, 20.0
# The second hour begins after the windows of the first have closed.
HOURS = (Traffic(users=150, minutes=60, minutes_ago=75), Traffic(users=50, minutes=60, seed=43))
AFTER = timedelta(minutes=11)
TRAIN = ("--users", "600", "--seed", "43")


@dataclass
class _Run:
    """The parts of a run, everybody who has visited so far, and the memory of the training."""

    stack: Stack
    clock: Clock
    waiter: Waiter
    crowd: list[Visitor] = field(default_factory=list)
    training_bytes: int = 0

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
    return Outcome(found, {"bots": _bots(run), "training_bytes": run.training_bytes}, began)


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

    def held() -> bool | None:
        found = audit.audit(settings, CLICKS, {})
        return next(check.ok for check in found.checks if "held" in check.name) or None

    run.waiter.until(held, "every click to be in the lake")
    if sent.last is not None:
        ticks.send(settings, names.TOPIC_EVENTS, sent.last + AFTER)


def _second_version(run: _Run) -> None:
    """Train a version beside the running queries, and promote it whatever the gates say."""
    registry = open_registry(run.settings, BOTS)
    with run.stack.steps.step("Train version 2 and promote it") as step:
        command = [sys.executable, "-m", "pyspark_jobs.jobs.clicks_train", *TRAIN]
        child = process.Child(
            process.Command("clicks-train", command, cwd=ROOT), run.settings.state
        )
        try:
            run.waiter.until(partial(_ended, run, child), "the training to end")
        finally:
            child.stop(STOP_S)
        newest = max(registry.versions(), key=lambda one: one.number)
        if newest.number != 2:
            raise ServiceError.sentence(f"No version 2 was trained; see {child.log}.")
        registry.promote(newest.number, "by hand: the demo shows a promotion")
        step.say(f"version 2, {BOTS.model}: ROC-AUC {newest.figure}")


def _ended(run: _Run, child: process.Child) -> bool | None:
    run.training_bytes = max(run.training_bytes, child.memory_bytes())
    return None if child.alive else True


def _results(settings: Settings) -> pl.DataFrame:
    uri = table_uri(settings.lake_uri, names.RESULTS)
    return store.scan(uri, settings.lake_options).collect()


def _balanced(settings: Settings, say: Callable[[str], None]) -> Ledger | None:
    found = with_own_checks(audit.audit(settings, CLICKS, {}), settings)
    for check in found.checks:
        if not check.ok:
            say(f"{check.name}: {check.left:,} / {check.right:,}")
            return None
    return found


def with_own_checks(found: Ledger, settings: Settings) -> Ledger:
    """The ledger with what holds only when all windows have closed, and with the documents."""
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
    return replace(found, checks=(*found.checks, *own))


def _bots(run: _Run) -> dict[str, float]:
    """Of all windows: those of bots, those called so, and those called so rightly."""
    bots = [str(one.id) for one in run.crowd if one.kind != "person"]
    results = _results(run.settings)
    is_bot, called = pl.col("user_id").is_in(bots), pl.col("prediction") == "bot"
    figures = results.select(
        windows=pl.len(), bots=is_bot.sum(), called=called.sum(), right=(is_bot & called).sum()
    )
    return {name: float(value) for name, value in figures.row(0, named=True).items()}
