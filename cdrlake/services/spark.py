"""A standalone Spark cluster: a master and its workers, real processes of the installed pyspark."""

from __future__ import annotations

import importlib.util
import json
import os
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

from cdrlake.services.jars import Java
from cdrlake.services.process import Child, Command
from lakehouse.errors import ServiceError
from lakehouse.settings import ROOT
from lakehouse.settings.spark import ClusterSettings

MASTER, WORKER = "spark-master", "spark-worker"
DAEMON_MEMORY = "160m"
# The same figures for Prometheus as in docker-compose.yml.
_SINK = "-Dspark.metrics.conf.*.sink.prometheusServlet"
METRICS = (
    f"{_SINK}.class=org.apache.spark.metrics.sink.PrometheusServlet",
    f"{_SINK}.path=/metrics/prometheus",
    "-Dspark.metrics.conf.master.sink.prometheusServlet.path=/metrics/master/prometheus",
)
LOGGING = f"-Dlog4j2.configurationFile={ROOT / 'conf' / 'log4j2.properties'}"
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")
_TIMEOUT_S = 2.0


def home() -> Path:
    """The folder of the installed pyspark, which is a whole distribution of Spark."""
    spec = importlib.util.find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise ServiceError.sentence("pyspark is not installed; run `make setup`.")
    return Path(spec.origin).parent


@dataclass(frozen=True)
class SparkCluster:
    """The cluster's place and settings; its methods give running processes.

    Neither master nor workers see settings or secrets of the installation: all that an executor
    knows is what its driver ships.
    """

    settings: ClusterSettings
    state: Path
    java: Java

    @property
    def work(self) -> Path:
        """Folder of the workers: a folder for each application, with its logs and its jars."""
        return self.state / "spark" / "work"

    def start_master(self) -> Child:
        """Start the master."""
        places = {"--port": self.settings.port, "--webui-port": self.settings.page_port}
        return self._start(MASTER, "master.Master", places)

    def start_worker(self, number: int) -> Child:
        """Start worker `number`, from 1."""
        options = {
            "--cores": self.settings.worker_cores,
            "--memory": self.settings.worker_memory,
            "--webui-port": 0,
            "--work-dir": self.work,
        }
        master = self.settings.master
        return self._start(f"{WORKER}-{number}", "worker.Worker", options, master)

    def workers_alive(self) -> int:
        """Workers that the master counts on; 0 while it does not answer."""
        return sum(worker["state"] == "ALIVE" for worker in self._page().get("workers", []))

    def healthy(self) -> bool:
        """Whether the master answers."""
        return bool(self._page())

    def _page(self) -> dict[str, Any]:
        address = f"http://{self.settings.host}:{self.settings.page_port}/json/"
        try:
            with urllib.request.urlopen(address, timeout=_TIMEOUT_S) as answer:
                found: dict[str, Any] = json.load(answer)
        except (OSError, HTTPException, ValueError):
            return {}
        return found

    def _start(self, name: str, main: str, options: Mapping[str, object], *words: str) -> Child:
        self.work.mkdir(parents=True, exist_ok=True)
        named = {"--host": self.settings.host, **options}
        pairs = [str(word) for pair in named.items() for word in pair]
        start = str(home() / "bin" / "spark-class")
        command = [start, f"org.apache.spark.deploy.{main}", *pairs, *words]
        # Not the checkout: an executor must find the project in what was shipped, or not at all.
        return Child(Command(name, command, env=self._env(), cwd=self.work), self.state)

    def _env(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        return kept | {
            "JAVA_HOME": str(self.java.path.resolve().parents[1]),
            "SPARK_HOME": str(home()),
            "SPARK_DAEMON_MEMORY": DAEMON_MEMORY,
            "SPARK_DAEMON_JAVA_OPTS": " ".join(
                (
                    LOGGING,
                    "-Djava.net.preferIPv4Stack=true -XX:+UseSerialGC -XX:TieredStopAtLevel=1",
                    "-Dspark.worker.cleanup.enabled=true",
                    *METRICS,
                )
            ),
            "SPARK_LOCAL_DIRS": str(self.state / "spark" / "scratch"),
            "SPARK_LOCAL_IP": self.settings.host,
        }
