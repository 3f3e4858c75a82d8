"""All processes of one installation: started in order, watched, and stopped whatever happens."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial

from cdrlake import doctor, extension, schema, secrets, service_table, submit
from cdrlake.console import Step, Steps
from cdrlake.http import Api
from cdrlake.services import jars, process
from cdrlake.services.kafka import KafkaBroker
from cdrlake.services.mysql import MySqlServer
from cdrlake.services.ports import require_free_port
from cdrlake.services.spark import MASTER, WORKER, SparkCluster
from cdrlake.waiting import Signs, Waiter
from cdrlake.watch import Watch
from lakehouse import kafka, ledger, progress
from lakehouse.clock import Clock, SystemClock
from lakehouse.domain import Domain
from lakehouse.domains import DOMAINS
from lakehouse.domains.settings import Settings
from lakehouse.services import Service
from lakehouse.settings import ROOT

# How long nothing may move before a start is given up; the work itself may take as long as it does.
PATIENCE_S = 180.0


class Stack(Watch):
    """Context manager over the embedded servers and the services of one installation.

    With `cluster` the streaming queries run on a Spark cluster that is part of the stack.
    """

    def __init__(
        self,
        settings: Settings,
        steps: Steps,
        clock: Clock | None = None,
        cluster: bool = False,
        domains: Sequence[Domain] = DOMAINS[:1],
    ) -> None:
        super().__init__(clock or SystemClock())
        self.settings, self.steps, self.domains = settings, steps, tuple(domains)
        self._on_cluster = cluster

    def start(self) -> None:
        """Bring everything up, in the order in which a person can use it."""
        first, *others = service_table.services(self.domains)
        self.start_servers(doctor.service_ports(self.settings, self.domains, self._on_cluster))
        self._database()
        self._launch(first)
        self._await_service(first)
        self._history()
        if self._on_cluster:
            self._cluster()
        # Side by side: while one waits for the disk or the network, another has the processor.
        for service in others:
            self._launch(service)
        for service in others:
            self._await_service(service)

    def start_servers(self, also: Sequence[service_table.Port] = ()) -> None:
        """Check the machine, get the jars, and start the embedded database and broker.

        The ports of `also` must be free too. Raises `ServiceError` for what is missing.
        """
        self._prepare([*doctor.server_ports(self.settings), *also])
        self._servers()

    def _prepare(self, ports: Sequence[service_table.Port]) -> None:
        with self.steps.step("Check this machine") as step:
            doctor.require_python()
            doctor.require_platform(self.settings)
            doctor.require_folders(self.settings)
            self._java = jars.find_java()
            step.say(f"Java {self._java.major}, {doctor.require_disk(self.settings.state)}")
            for port in ports:
                require_free_port(*port)
        with self.steps.step("Resolve jars") as step:
            self._jars = jars.fetch(self.settings, self._java, step.say)
        self.settings = secrets.ensure(self.settings)

    def _servers(self) -> None:
        settings, server, broker = self.settings, self.database_server(), self.broker()
        if settings.mysql.embedded:
            self.keep("mysql", server.start)
        if settings.kafka.embedded:
            self.keep("kafka", broker.start)
        if settings.mysql.embedded:
            with self.steps.step("Start the database") as step:
                self._await("mysql", server.healthy)
                step.say(f"port {settings.mysql.port}")
        if settings.kafka.embedded:
            with self.steps.step("Start the broker") as step:
                self._await("kafka", broker.healthy)
                step.say(f"port {settings.kafka.port}")

    def database_server(self) -> MySqlServer:
        """The embedded database; measurements put it behind a network of their own."""
        settings = self.settings
        return MySqlServer(settings.mysql, settings.state, self._jars.mariadb, settings.cache)

    def broker(self) -> KafkaBroker:
        """The embedded broker, likewise."""
        settings = self.settings
        return KafkaBroker(settings.kafka, settings.state, self._jars.kafka, self._java)

    def _database(self) -> None:
        with self.steps.step("Create database, procedure and topics"):
            schema.ensure(self.settings)
            kafka.create_topics(
                self.settings.kafka, [topic for one in self.domains for topic in one.topics]
            )

    def _history(self) -> None:
        loaders = [extension.of(domain).load_history for domain in self.domains]
        for load in filter(None, loaders):
            with self.steps.step("Load history") as step:
                step.say(load(self.settings, step.move) or "")
        with self.steps.step("Relay history to Kafka") as step:
            total = max(ledger.waiting(self.settings), 1)
            self._wait(lambda: Signs(seen=ledger.waiting(self.settings))).until(
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
            self.keep(MASTER, cluster.start_master)
            self._await(MASTER, cluster.healthy)
            for number in range(1, count + 1):
                self.keep(f"{WORKER}-{number}", partial(cluster.start_worker, number))
            self._wait(self._signs(MASTER)).until(
                lambda: cluster.workers_alive() == count or None, "the workers"
            )
            step.say(f"{self.settings.cluster.master}, {count} workers")

    def _launch(self, service: Service) -> None:
        if service.job:
            # What an earlier run left there must not be taken for this one's word.
            starting = progress.PipelineProgress("backfill", "starting", self.clock.now())
            progress.write_pipeline(self.settings.state, starting, service.name)
        self.keep(service.name, partial(self._child, self._command(service)))

    def _await_service(self, service: Service) -> None:
        address = service_table.address(self.settings, service)
        if service.job:
            with self.steps.step("Features and first model (Spark)") as step:
                self._wait(self._signs(service.name)).until(
                    lambda: self._in_service(service.name, step), "the streaming queries"
                )
        elif address is not None:
            with self.steps.step(f"Start {service.name}") as step:
                self._await(service.name, lambda: Api(self.settings).healthy(address))
                step.say(address)

    def _in_service(self, name: str, step: Step) -> bool | None:
        found = progress.read_pipeline(self.settings.state, name)
        if found is not None:
            step.say(f"{found.phase} {found.detail}".strip())
        return True if found is not None and found.phase == "service" else None

    def _command(self, service: Service) -> process.Command:
        if service.job and self._on_cluster:
            job = service.module.rpartition(".")[2]
            return submit.command(self.settings, job, name=service.name)
        return process.Command(service.name, [sys.executable, "-m", service.module], cwd=ROOT)

    def _child(self, command: process.Command) -> process.Child:
        return process.Child(command, self.settings.state)

    def _await(self, name: str, healthy: Callable[[], bool]) -> None:
        self._wait(self._signs(name)).until(
            lambda: True if healthy() else None, f"{name} to answer"
        )

    def _signs(self, name: str) -> Callable[[], Signs]:
        return self.signs_of(name, self.settings.state)

    def _wait(self, signs: Callable[[], Signs]) -> Waiter:
        return Waiter(self.clock, PATIENCE_S, self.check, signs)
