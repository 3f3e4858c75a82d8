"""All processes of one installation: started in order, watched, and stopped whatever happens."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby
from types import TracebackType

from cdrlake import doctor, schema, secrets, submit
from cdrlake.console import Step, Steps
from cdrlake.http import Api
from cdrlake.services import jars, process
from cdrlake.services.kafka import KafkaBroker
from cdrlake.services.mysql import MySqlServer
from cdrlake.services.ports import require_free_port
from cdrlake.services.spark import MASTER, WORKER, SparkCluster
from cdrlake.waiting import Waiter
from flaskapp.cdr import loader
from lakehouse import kafka, ledger, progress
from lakehouse.clock import Clock, SystemClock
from lakehouse.domains.cdr import CDR
from lakehouse.domains.settings import Settings
from lakehouse.errors import ServiceError
from lakehouse.settings import ROOT

START_S = 90.0
PIPELINE_S = 600.0
STOP_S = 20.0
# Who is used by all before it is stopped after them.
STOPPED_LAST = (WORKER, MASTER, "kafka", "mysql")
# A process that dies more often than this is not helped by another start.
DEATHS, WITHIN_S = 5, 300.0


class Stack:
    """Context manager over the embedded servers and the services of one installation.

    With `cluster` the streaming queries run on a Spark cluster that is part of the stack.
    """

    def __init__(
        self, settings: Settings, steps: Steps, clock: Clock | None = None, cluster: bool = False
    ) -> None:
        self.settings, self.steps, self.clock = settings, steps, clock or SystemClock()
        self.children: list[process.Child] = []
        self._starts: dict[str, Callable[[], process.Child]] = {}
        self._deaths: dict[str, list[float]] = defaultdict(list)
        self._on_cluster = cluster

    def __enter__(self) -> Stack:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Bring everything up, in the order in which a person can use it."""
        self.start_servers(doctor.service_ports(self.settings, self._on_cluster))
        self._database()
        self._service("simulator", "flaskapp", Api(self.settings).simulator)
        self._history()
        if self._on_cluster:
            self._cluster()
        self._pipeline()
        self._python("mirror", "mirror")
        self._service("monitoring", "monitoring", Api(self.settings).monitor)

    def start_servers(self, also: Sequence[doctor.Port] = ()) -> None:
        """Check the machine, get the jars, and start the embedded database and broker.

        The ports of `also` must be free too. Raises `ServiceError` for what is missing.
        """
        self._prepare([*doctor.server_ports(self.settings), *also])
        self._servers()

    def check(self) -> None:
        """Raise `ServiceError` with the end of its log when a process has died.

        A Spark worker is started again instead: its tasks go on elsewhere meanwhile.
        """
        for child in self._dead():
            if not child.name.startswith(WORKER):
                raise _death(child)
            self._start_again(child)

    def keep(self, name: str, start: Callable[[], process.Child]) -> None:
        """Start a process and watch over it."""
        self._starts[name] = start
        self.children.append(start())

    def revive(self) -> list[str]:
        """Start again what has died; a sentence for each.

        Everything here goes on where it stopped, so a start is always safe. Raises `ServiceError`
        for a process that keeps dying.
        """
        dead = self._dead()
        news = [f"{child.name} ended ({child.tail(1)}) and is started again" for child in dead]
        for child in dead:
            self._start_again(child)
        return news

    def restart(self, name: str) -> None:
        """Stop what is left of a process and its own children, and start it."""
        number = [child.name for child in self.children].index(name)
        self.children[number].stop(STOP_S)
        self.children[number] = self._starts[name]()

    def _dead(self) -> list[process.Child]:
        return [child for child in self.children if not child.alive]

    def _start_again(self, child: process.Child) -> None:
        now = self.clock.monotonic()
        recent = [moment for moment in self._deaths[child.name] if now - moment < WITHIN_S]
        if len(recent) >= DEATHS:
            raise _death(child)
        self._deaths[child.name] = [*recent, now]
        self.restart(child.name)

    def memory_bytes(self) -> dict[str, int]:
        """Memory by process with all that it has started, each shared page counted once."""
        return {child.name: child.memory_bytes() for child in list(self.children)}

    def stop(self) -> None:
        """Stop every process: first who works, side by side, then step by step who is used."""
        for _, floor in groupby(sorted(self.children, key=_floor), _floor):
            side_by_side = list(floor)
            for child in side_by_side:
                child.ask_to_stop()
            for child in side_by_side:
                child.stop(STOP_S)
        self.children.clear()

    def _prepare(self, ports: Sequence[doctor.Port]) -> None:
        with self.steps.step("Check this machine") as step:
            doctor.require_platform(self.settings)
            self._java = jars.find_java()
            step.say(f"Java {self._java.major}, {doctor.require_disk(self.settings.state)}")
            for port in ports:
                require_free_port(*port)
        with self.steps.step("Resolve jars") as step:
            self._jars = jars.fetch(self.settings, self._java, step.say)
        self.settings = secrets.ensure(self.settings)

    def _servers(self) -> None:
        settings = self.settings
        if settings.mysql.embedded:
            server = MySqlServer(settings.mysql, settings.state, self._jars.mariadb, settings.cache)
            with self.steps.step("Start the database") as step:
                self._await("mysql", server.start, server.healthy)
                step.say(f"port {settings.mysql.port}")
        if settings.kafka.embedded:
            broker = KafkaBroker(settings.kafka, settings.state, self._jars.kafka, self._java)
            with self.steps.step("Start the broker") as step:
                self._await("kafka", broker.start, broker.healthy)
                step.say(f"port {settings.kafka.port}")

    def _database(self) -> None:
        with self.steps.step("Create database, procedure and topics"):
            schema.ensure(self.settings)
            kafka.create_topics(self.settings.kafka, CDR.topics)

    def _history(self) -> None:
        with self.steps.step("Load history") as step:
            loader.load_history(self.settings, step.move)
        with self.steps.step("Relay history to Kafka") as step:
            total = max(ledger.waiting(self.settings), 1)
            self._wait(START_S * 4).until(
                lambda: self._relayed(total, step), "the relay to catch up"
            )

    def _relayed(self, total: int, step: Step) -> bool | None:
        left = ledger.waiting(self.settings)
        step.move(total - left, total)
        return True if left == 0 else None

    def _cluster(self) -> None:
        cluster = SparkCluster(self.settings.cluster, self.settings.state, self._java)
        count = self.settings.cluster.workers
        with self.steps.step("Start the Spark cluster") as step:
            submit.prepare(self.settings)
            self._await(MASTER, cluster.start_master, cluster.healthy)
            for number in range(1, count + 1):
                self.keep(f"{WORKER}-{number}", partial(cluster.start_worker, number))
            enough = self._wait(START_S)
            enough.until(lambda: cluster.workers_alive() == count or None, "the workers")
            step.say(f"{self.settings.cluster.master}, {count} workers")

    def _pipeline(self) -> None:
        with self.steps.step("Features and first model (Spark)") as step:
            # What an earlier run left there must not be taken for this one's word.
            starting = progress.PipelineProgress("backfill", "starting", self.clock.now())
            progress.write_pipeline(self.settings.state, starting)
            if self._on_cluster:
                job = submit.command(self.settings, "cdr_pipeline", name="pipeline")
                self.keep("pipeline", lambda: process.Child(job, self.settings.state))
            else:
                self._python("pipeline", "pyspark_jobs.jobs.cdr_pipeline")
            self._wait(PIPELINE_S).until(lambda: self._in_service(step), "the streaming queries")

    def _in_service(self, step: Step) -> bool | None:
        found = progress.read_pipeline(self.settings.state)
        if found is not None:
            step.say(f"{found.phase} {found.detail}".strip())
        return True if found is not None and found.phase == "service" else None

    def _service(self, name: str, module: str, address: str) -> None:
        with self.steps.step(f"Start {name}") as step:
            start = self._starting(name, module)
            self._await(name, start, lambda: Api(self.settings).healthy(address))
            step.say(address)

    def _python(self, name: str, module: str) -> None:
        self.keep(name, self._starting(name, module))

    def _starting(self, name: str, module: str) -> Callable[[], process.Child]:
        command = process.Command(name, [sys.executable, "-m", module], cwd=ROOT)
        return lambda: process.Child(command, self.settings.state)

    def _await(
        self, name: str, start: Callable[[], process.Child], healthy: Callable[[], bool]
    ) -> None:
        self.keep(name, start)
        self._wait(START_S).until(lambda: True if healthy() else None, f"{name} to answer")

    def _wait(self, timeout_s: float) -> Waiter:
        return Waiter(self.clock, timeout_s, self.check)


def _floor(child: process.Child) -> int:
    places = (n for n, name in enumerate(STOPPED_LAST, 1) if child.name.startswith(name))
    return next(places, 0)


def _death(child: process.Child) -> ServiceError:
    return ServiceError(
        f"process {child.name}", "it to run", f"its end: {child.tail(5)}", f"read {child.log}"
    )
