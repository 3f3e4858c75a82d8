"""A small installation, started as `make up` starts it, that is hurt on purpose."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil
from confluent_kafka import KafkaException

from bench import installation
from bench.faults.linked import LinkedStack
from bench.faults.network import Link
from cdrlake import doctor
from cdrlake.console import Steps
from cdrlake.http import Api
from cdrlake.services.process import Child, tree
from cdrlake.stack import Stack
from cdrlake.waiting import AT_MOST, Waiter, patiently, signs_of_family
from flaskapp.cdr.worlds import open_world
from lakehouse import audit, mysql, progress, registry
from lakehouse.clock import SystemClock
from lakehouse.domains.cdr import CDR, names
from lakehouse.domains.cdr.domain import CHURN
from lakehouse.domains.settings import Settings, load
from lakehouse.errors import CdrlakeError
from lakehouse.ledger import Ledger

PROCESSES = ("kafka", "mysql", "simulator", "pipeline", "mirror", "monitoring")
WORLD = {"WORLD__SUBSCRIBERS": "400", "WORLD__REPLAY_DAYS": "1500"}
READY_S, BALANCE_S = 240.0, 420.0
LAST_WORDS = 20_000
DAYS_PER_STREAM = 10


class Plant:
    """The processes of one installation, by name, and the stream that runs through them."""

    def __init__(self, folder: Path, values: Mapping[str, str], linked: bool = False) -> None:
        chosen = installation.SMALL | dict(values)
        world = {f"CDRLAKE_{name}": value for name, value in chosen.items()}
        os.environ.update(installation.environment(folder) | world)
        self.clock, self._never = SystemClock(), threading.Event()
        self._stack = (LinkedStack if linked else Stack)(load(), Steps(), self.clock)

    def __enter__(self) -> Plant:
        doctor.require_disk(self._stack.settings.state)
        self._stack.start()
        self._api = Api(self.settings)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.stop()

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self._stack.settings

    def link(self, name: str) -> Link:
        """The network before the broker (`kafka`) or the database (`mysql`)."""
        assert isinstance(self._stack, LinkedStack)
        return self._stack.links[name]

    def child(self, name: str) -> Child:
        """The running process called `name`."""
        return next(child for child in self._stack.children if child.name == name)

    def tree(self, name: str) -> list[psutil.Process]:
        """The process called `name` and all its descendants."""
        return tree(self.child(name).pid)

    def kill(self, name: str) -> None:
        """SIGKILL, without a word before."""
        psutil.Process(self.child(name).pid).kill()
        self._await_end(name, 20)

    def wait(self, seconds: float) -> None:
        """Let that much time go by."""
        self.clock.wait(self._never, seconds)

    def revive(self) -> None:
        """Start again what has died, and wait until it answers."""
        for name in self._restart_dead():
            self.until(partial(self._ready, name), f"{name} to answer", READY_S)

    def refused(self, name: str, patience_s: float) -> str:
        """Start a process that cannot go on; the last words with which it ends."""
        self._stack.restart(name)
        self._await_end(name, patience_s)
        return self.child(name).log.read_text(encoding="utf-8", errors="replace")[-LAST_WORDS:]

    def until(self, holds: Callable[[], bool], what: str, patience_s: float) -> None:
        """Wait for a condition, starting again whatever dies meanwhile."""

        def look() -> bool | None:
            self._restart_dead()
            with suppress(CdrlakeError, KafkaException, mysql.Error, OSError):
                return True if holds() else None
            return None

        waiter = Waiter(self.clock, patience_s, signs=signs_of_family, at_most=AT_MOST)
        waiter.until(look, what, 0.3)

    def _restart_dead(self) -> list[str]:
        dead = [name for name in PROCESSES if not self.child(name).alive]
        if "pipeline" in dead:
            starting = progress.PipelineProgress("backfill", "starting", self.clock.now())
            progress.write_pipeline(self.settings.state, starting)
        for name in dead:
            self._stack.restart(name)
        return dead

    def _await_end(self, name: str, patience_s: float) -> None:
        patiently(lambda: not self.child(name).alive, f"{name} to end", patience_s)

    def stream(self, **body: Any) -> None:
        """Begin to replay the next days, unless a stream runs."""
        if not self.streaming():
            wanted = {"num_batches": DAYS_PER_STREAM, "days_per_batch": 1} | body
            self._api.post("/start_stream", {"mode": "replay", "interval": 1} | wanted)

    def until_streaming(self) -> None:
        """Wait until rows flow."""

        def flows() -> bool:
            self.stream()
            return self.streaming()

        self.until(flows, "a stream", READY_S)

    def streaming(self) -> bool:
        """Whether a stream runs, be it that it is waiting for a server."""
        return any(one["state"] in ("running", "degraded") for one in self._streams())

    def settled(self) -> Ledger:
        """The ledger, once the stream has ended and every count agrees."""
        self.until(lambda: not self.streaming(), "the stream to end", BALANCE_S)
        found: list[Ledger] = []

        def balanced() -> bool:
            starts = {names.MODEL_NAME: self._scoring_start()}
            found[:] = [audit.audit(self.settings, CDR, starts)]
            return found[0].balanced

        try:
            self.until(balanced, "the counts to agree", BALANCE_S)
        except CdrlakeError as error:
            wrong = [check for check in found[0].checks if not check.ok] if found else []
            raise AssertionError(f"{error}; differ: {wrong}") from error
        return found[0]

    def world(self) -> Any:
        """The generator that this installation replays."""
        with mysql.connect(self.settings.mysql) as connection, connection.cursor() as cursor:
            return open_world(cursor, self.settings, self.clock).world

    def last_day(self) -> date:
        """The last day that was sent whole."""
        replayed = sum(
            one["sent_batches"] * one["request"]["days_per_batch"]
            for one in self._streams()
            if one["mode"] == "replay"
        )
        first = self.world().start
        found: date = first + timedelta(days=self.settings.world.history_days - 1 + replayed)
        return found

    def _streams(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._api.get("/streams?limit=1000")["streams"]
        return found

    def _scoring_start(self) -> date | None:
        return registry.open_registry(self.settings, CHURN).scoring_start()

    def _ready(self, name: str) -> bool:
        address = {"simulator": self._api.simulator, "monitoring": self._api.monitor}.get(name)
        if address is not None:
            return self._api.healthy(address)
        if name == "pipeline":
            found = progress.read_pipeline(self.settings.state)
            return found is not None and found.phase == "service"
        return self.child(name).alive
