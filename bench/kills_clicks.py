"""`python -m bench.kills_clicks`: kill -9 each process of clicks while users and clicks come in.

The whole installation runs as `cdrlake up --domain clicks` starts it. Users register, change and
leave, and click as they do; meanwhile each process is killed again and again and started anew. In
the end no change of a user is lost, every click of the topic is counted in its five windows, and
table, topic and documents hold the same results, each once. `--mongo` is the command of a server of
MongoDB's protocol, with `{port}` and `{folder}`; without it there are no documents.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import tempfile
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random

from confluent_kafka import KafkaException

from bench import clicks_truth, installation
from bench.clicks_visits import Visits
from bench.faults import page
from bench.kills_page import Killed
from cdrlake.console import Steps
from cdrlake.services import process
from cdrlake.services.ports import free_ports
from cdrlake.services.process import Child, Command
from cdrlake.stack import Stack
from cdrlake.waiting import AT_MOST, Waiter, signs_of_family
from lakehouse import documents, kafka, mysql, progress
from lakehouse.clock import SystemClock
from lakehouse.domains.clicks import CLICKS, names
from lakehouse.domains.settings import Settings, load
from lakehouse.errors import CdrlakeError
from lakehouse.schema_registry.client import Address, SchemaClient

SERVICE, MONGO = "clicks-pipeline", "mongo"
PROCESSES = ("connect", "schema-registry", SERVICE, "kafka", "mysql")
PATIENCE_S = 240.0


@dataclass
class Shop:
    """An installation of the domain in a folder of its own, and how its processes are killed."""

    stack: Stack
    clock: SystemClock = field(default_factory=SystemClock)

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self.stack.settings

    def kill(self, name: str) -> None:
        """SIGKILL for a process and all that it has started; then start it, until it answers."""
        child = next(one for one in self.stack.children if one.name == name)
        process.kill(process.tree(child.pid))
        if name == SERVICE:
            starting = progress.PipelineProgress("backfill", "starting", self.clock.now())
            progress.write_pipeline(self.settings.state, starting, SERVICE)
        self.stack.restart(name)
        self.until(partial(self.answers, name), f"{name} to answer")

    def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait for a condition, starting again whatever has died meanwhile."""

        def look() -> bool | None:
            for news in self.stack.revive():
                print(news, flush=True)
            with suppress(CdrlakeError, KafkaException, mysql.Error, OSError):
                return True if holds() else None
            return None

        Waiter(self.clock, PATIENCE_S, signs=signs_of_family, at_most=AT_MOST).until(look, what)

    def answers(self, name: str) -> bool:
        """Whether a process does its work; raises what its client raises if it does not."""
        settings = self.settings
        if name == SERVICE:
            found = progress.read_pipeline(settings.state, SERVICE)
            return found is not None and found.phase == "service"
        asks: dict[str, Callable[[], object]] = {
            "connect": lambda: _connects(settings),
            "schema-registry": SchemaClient(Address.of(settings)).healthy,
            "kafka": lambda: kafka.end_offsets(settings.kafka, names.TOPIC_EVENTS),
            "mysql": lambda: _connected(settings),
            MONGO: lambda: documents.find(settings.documents, names.TOPIC_RESULTS),
        }
        return asks[name]() is not False


def _connects(settings: Settings) -> bool:
    where = f"http://{settings.connect.host}:{settings.connect.port}/connectors"
    with urllib.request.urlopen(f"{where}/mysql-source/status", timeout=5) as answer:
        found = json.load(answer)
    states = [found["connector"]["state"], *(task["state"] for task in found["tasks"])]
    return states == ["RUNNING", "RUNNING"]


def _connected(settings: Settings) -> bool:
    with mysql.connect(settings.mysql):
        return True


def run(folder: Path, kills: int, seed: int, mongo: str | None) -> int:
    """Kill, compare, report; how many of the comparisons failed."""
    ports, state = free_ports(3), folder / "state"
    values = installation.environment(folder)
    values |= {"CDRLAKE_SCHEMAS__PORT": str(ports[0]), "CDRLAKE_CONNECT__PORT": str(ports[1])}
    if mongo is not None:
        values["CDRLAKE_DOCUMENTS__URI"] = f"mongodb://127.0.0.1:{ports[2]}"
    os.environ.update(values)
    with Stack(load(), Steps(), domains=(CLICKS,)) as stack:
        shop, victims = Shop(stack), list(PROCESSES)
        if mongo is not None:
            (folder / MONGO).mkdir()
            command = shlex.split(mongo.format(port=ports[2], folder=folder / MONGO))
            stack.keep(MONGO, partial(Child, Command(MONGO, command), state))
            victims.append(MONGO)
        stack.start()
        with Visits(shop.settings, seed) as visits:
            _kill_all(shop, victims * kills, Random(seed), visits)
        return clicks_truth.compare(shop.settings, visits, shop.until)


def _kill_all(shop: Shop, victims: list[str], random: Random, visits: Visits) -> None:
    random.shuffle(victims)
    for number, name in enumerate(victims, 1):
        seen = visits.arrived()
        shop.until(lambda before=seen: visits.arrived() > before, "another click")  # type: ignore[misc]
        shop.clock.wait(visits.stop, random.uniform(0, 3))
        shop.kill(name)
        print(f"kill {number} of {len(victims)}: {name}", flush=True)


def main() -> int:
    """Run from the command line; 0 when nothing differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=10, help="of each process")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--publish", action="store_true")
    parser.add_argument("--mongo", help="command of a server of MongoDB's protocol")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cdrlake-kills-") as folder:
        failed = run(Path(folder), options.kills, options.seed, options.mongo)
    if options.publish:
        victims = [*PROCESSES, *([MONGO] if options.mongo is not None else [])]
        compared = "users, changes, clicks, windows and what is told of them"
        page.publish_kills(
            Killed("make kills-clicks", f"each of {', '.join(victims)}",
                   options.kills * len(victims), compared, failed, options.seed)
        )  # fmt: skip
    return failed


if __name__ == "__main__":
    sys.exit(main())
