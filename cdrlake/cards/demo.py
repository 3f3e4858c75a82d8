"""The main job of cards: transactions, alarms, two outages, verdicts, and another model."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from cdrlake import jobs
from cdrlake.cards import door, validated
from cdrlake.http import Api
from cdrlake.main_job import PATIENCE_S, Outcome, signs
from cdrlake.stack import Stack
from cdrlake.waiting import Waiter
from flaskapp.cards.world.world import World
from lakehouse import audit, mysql
from lakehouse.clock import Clock
from lakehouse.domains.cards import CARDS, names
from lakehouse.domains.cards.domain import FRAUD
from lakehouse.domains.settings import Settings
from lakehouse.errors import CdrlakeError
from lakehouse.ledger import Ledger
from lakehouse.registry import open_registry

VERDICTS = 30
_DAYS = 30.0


def act(stack: Stack, clock: Clock) -> Outcome:
    """Decide a world's transactions, take parts away, confirm, train again, and count."""
    settings, began = stack.settings, clock.now()
    waiter = Waiter(clock, PATIENCE_S, stack.check, signs(stack))
    with stack.steps.step("A first model, from the first labelled transactions") as step:
        registry = open_registry(settings, FRAUD)
        champion = waiter.until(registry.champion, "a champion")
        step.say(f"version {champion.number}, PR-AUC {champion.figure}")
    with stack.steps.step("Transactions are decided"):
        waiter.until(lambda: _more_than(settings, 0), "decisions in the database")
    _outages(stack, waiter, settings)
    with stack.steps.step(f"{VERDICTS} verdicts, and validated.csv") as step:
        step.say(_confirm(settings))
    with stack.steps.step("Train again, with the verdicts") as step:
        jobs.run(jobs.of(CARDS, "train"))
        step.say(_champion(settings))
    with stack.steps.step("Every count agrees") as step:
        balanced = waiter.until(lambda: _balanced(settings, step.say), "the counts to reconcile")
    return Outcome(balanced, {}, began)


def _outages(stack: Stack, waiter: Waiter, settings: Settings) -> None:
    for name, goes_on in (("cards-source", "alarms go on"), ("mysql", "decisions go on")):
        with stack.steps.step(f"Take {name} away: {goes_on}") as step:
            before, rows = _tally(settings), _rows(settings)
            stack.restart(name)
            waiter.until(partial(_more_than, settings, rows), f"{name} to be made up for")
            step.say(f"{_tally(settings) - before:,} decided meanwhile, nothing lost")


def _tally(settings: Settings) -> int:
    """How many transactions the door has decided, by its own count."""
    place = settings.state / "stream" / f"{door.NAME}.json"
    try:
        return int(json.loads(place.read_bytes())["counts"].get("decided", 0))
    except (OSError, ValueError, KeyError):
        return 0


def _rows(settings: Settings) -> int:
    try:
        with mysql.connect(settings.mysql) as connection, connection.cursor() as cursor:
            cursor.execute(f"SELECT COUNT(*) FROM {names.MYSQL_TABLE}")  # noqa: S608
            return int(cursor.fetchone()[0])
    except (CdrlakeError, mysql.Error):
        return 0


def _more_than(settings: Settings, rows: int) -> bool | None:
    return True if _rows(settings) > rows else None


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


def _champion(settings: Settings) -> str:
    registry = open_registry(settings, FRAUD)
    newest = registry.versions()[-1]
    said = newest.verdicts[-1] if newest.verdicts else ""
    return f"version {newest.number}: {said}"


def _balanced(settings: Settings, say: Callable[[str], None]) -> Ledger | None:
    starts = {names.MODEL_NAME: open_registry(settings, FRAUD).scoring_start()}
    found = audit.audit(settings, CARDS, starts)
    for check in found.checks:
        if not check.ok:
            say(f"{check.name}: {check.left:,} / {check.right:,}")
            return None
    say("all counts agree")
    return found
