"""The main job of cards: transactions, alarms, two outages, verdicts, and another model."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cdrlake.cards import door, validated
from cdrlake.http import Api
from cdrlake.main_job import PATIENCE_S, Outcome, signs
from cdrlake.stack import Stack
from cdrlake.waiting import Waiter
from flaskapp.cards import stations
from flaskapp.cards.world.world import World
from lakehouse import audit, kafka, mysql
from lakehouse.clock import Clock
from lakehouse.domains.cards import CARDS, names
from lakehouse.domains.cards.domain import FRAUD
from lakehouse.domains.settings import Settings
from lakehouse.errors import CdrlakeError, ModelError
from lakehouse.ledger import Ledger
from lakehouse.registry import Registry, open_registry
from pyspark_jobs.training import requests

VERDICTS, HISTORY, SOME = 30, 15_000, 500
SOURCE, DATABASE = "cards-source", "mysql"
_DAYS = 30.0


def act(stack: Stack, clock: Clock) -> Outcome:
    """Decide a world's transactions, take parts away, confirm, train again, and count."""
    settings, began = stack.settings, clock.now()
    demo = Demo(stack, Waiter(clock, PATIENCE_S, stack.check, signs(stack)))
    demo.without_the_source(Waiter(clock, PATIENCE_S, signs=signs(stack)))
    demo.without_the_database(Waiter(clock, PATIENCE_S, signs=signs(stack)))
    with stack.steps.step(f"{VERDICTS} verdicts, and validated.csv") as step:
        step.say(_confirm(settings))
    demo.another_version(Waiter(clock, PATIENCE_S, signs=signs(stack)))
    with stack.steps.step("Every count agrees") as step:
        stack.take_away(SOURCE)  # nothing more is to be counted
        alone = Waiter(clock, PATIENCE_S, signs=signs(stack))
        balanced = alone.until(lambda: _balanced(settings, step.say), "the counts to reconcile")
    return Outcome(balanced, {}, began)


@dataclass(frozen=True)
class Demo:
    """The running installation, and a waiter that ends the demo when a process has died.

    While a part is away on purpose, a waiter of one's own is needed.
    """

    stack: Stack
    waiter: Waiter

    @property
    def settings(self) -> Settings:
        """The settings of the installation."""
        return self.stack.settings

    def without_the_source(self, alone: Waiter) -> None:
        """Train the first model and decide what has arrived, while the source is away."""
        settings, steps = self.settings, self.stack.steps
        with steps.step(f"{HISTORY:,} transactions arrive"):
            self.waiter.until(lambda: _sent(settings) >= HISTORY or None, "transactions")
        with steps.step(f"Take {SOURCE} away: a first model decides what has arrived") as step:
            self.stack.take_away(SOURCE)
            registry = open_registry(settings, FRAUD)
            champion = alone.until(registry.champion, "a champion")
            step.say(f"version {champion.number}, PR-AUC {champion.figure}")
            alone.until(lambda: _is_drained(settings), "all transactions to be decided")
            told = kafka.message_count(settings.kafka, names.TOPIC_ALARMS)
            step.say(f"{_tally(settings):,} decided, {told:,} alarms")
            self.stack.restart(SOURCE)

    def without_the_database(self, alone: Waiter) -> None:
        """Decisions and alarms go on while the database is away; then it catches up."""
        settings = self.settings
        with self.stack.steps.step(f"Take {DATABASE} away: decisions go on") as step:
            held, before = _rows(settings), _tally(settings)
            self.stack.take_away(DATABASE)
            alone.until(lambda: _tally(settings) >= before + SOME or None, "decisions")
            decided = _tally(settings) - before
            self.stack.restart(DATABASE)
            self.waiter.until(lambda: _rows(settings) >= held + decided or None, "the database")
            step.say(f"{decided:,} decided meanwhile, and recorded afterwards")

    def another_version(self, alone: Waiter) -> None:
        """Train with the verdicts; the door changes to the new version if it is promoted."""
        settings = self.settings
        registry = open_registry(settings, FRAUD)
        before = registry.champion()
        with self.stack.steps.step("Train again, with the verdicts") as step:
            self.stack.take_away(SOURCE)  # something has to be left for the next version
            asked = requests.ask(settings, CARDS.name)
            told = alone.until(
                lambda: requests.answered(settings, CARDS.name, asked), "the training"
            )
            self.stack.restart(SOURCE)
            if told.version is None:
                raise ModelError.sentence(f"No version was trained: {told.reason}")
            newest = registry.version(told.version)
            step.say(f"version {newest.number}: {newest.verdicts[-1] if newest.verdicts else ''}")
        if before is not None:
            self._swap(registry, newest.number, None if told.promoted else before.number)

    def _swap(self, registry: Registry, number: int, back_to: int | None) -> None:
        """See the door change to a version; one that the gates refused only for a moment."""
        title = f"Decisions by version {number}"
        if back_to is not None:
            title += f", then by version {back_to} again"
            registry.promote(number, "by hand: the demo shows a swap")
        with self.stack.steps.step(title):
            self._decided_by(number)
            if back_to is not None:
                registry.rollback(back_to)
                self._decided_by(back_to)

    def _decided_by(self, number: int) -> None:
        """Wait for more decisions by a version."""
        chosen = f"model_version = {number}"
        before = _rows(self.settings, chosen)
        self.waiter.until(lambda: _rows(self.settings, chosen) > before or None, "its decisions")


def _sent(settings: Settings) -> int:
    return kafka.message_count(settings.kafka, names.TOPIC_TRANSACTIONS)


def _is_drained(settings: Settings) -> bool | None:
    return True if stations.lags(settings)[names.GROUP_DOOR] == 0 else None


def _tally(settings: Settings) -> int:
    """How many transactions the door has decided, by its own count."""
    place = settings.state / "stream" / f"{door.NAME}.json"
    try:
        return int(json.loads(place.read_bytes())["counts"].get("decided", 0))
    except (OSError, ValueError, KeyError):
        return 0


def _rows(settings: Settings, where: str = "TRUE") -> int:
    """Rows in the database; 0 while it is away."""
    try:
        with mysql.connect(settings.mysql) as connection, connection.cursor() as cursor:
            cursor.execute(f"SELECT COUNT(*) FROM {names.MYSQL_TABLE} WHERE {where}")  # noqa: S608
            return int(cursor.fetchone()[0])
    except (CdrlakeError, mysql.Error):
        return 0


def _confirm(settings: Settings) -> str:
    """Verdicts on the first of the queue, by what the world knows."""
    chosen = settings.cards
    world = World(chosen.cards, chosen.seed, chosen.fraud_rate)
    truth = {one.row["trans_num"]: one.is_fraud for one in world.transactions(_DAYS)}
    place = f"http://127.0.0.1:{chosen.page_port}"
    call = Api(settings).call
    queue: list[dict[str, Any]] = call(f"{place}/queue?limit={VERDICTS}")["transactions"]
    for one in queue:
        verdict = {"trans_num": one["trans_num"], "fraud_confirmed": int(truth[one["trans_num"]])}
        call(f"{place}/confirm", verdict)
    rows, file = validated.save(settings)
    found = validated.quality(settings)
    return f"{rows} rows in {file}; precision {found['precision'].value:.2f}"


def _balanced(settings: Settings, say: Callable[[str], None]) -> Ledger | None:
    starts = {names.MODEL_NAME: open_registry(settings, FRAUD).scoring_start()}
    found = audit.audit(settings, CARDS, starts)
    for check in found.checks:
        if not check.ok:
            say(f"{check.name}: {check.left:,} / {check.right:,}")
            return None
    say("all counts agree")
    return found
