"""An embedded Kafka Connect worker: Debezium's connectors from jars, in a process of its own.

It is a standalone worker. Its connectors are given at the start, as the files that others post to
`/connectors`; where each has got to is kept in a file below the state folder.
"""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from cdrlake.services import jars
from cdrlake.services.jars import Java, exclusive
from cdrlake.services.kafka import LOG4J
from cdrlake.services.process import Child, Command, refuse_second
from lakehouse.settings.kafka import KafkaSettings
from lakehouse.settings.outside import ConnectSettings

NAME = "connect"
_PROPERTIES = """\
bootstrap.servers={kafka}
listeners=http://{host}:{port}
key.converter=org.apache.kafka.connect.json.JsonConverter
key.converter.schemas.enable=false
value.converter=org.apache.kafka.connect.json.JsonConverter
value.converter.schemas.enable=false
offset.storage.file.filename={home}/offsets
offset.flush.interval.ms=1000
config.providers=env
config.providers.env.class=org.apache.kafka.common.config.provider.EnvVarConfigProvider
plugin.discovery=service_load
plugin.path={home}/plugins
"""
_TIMEOUT_S = 2.0


@dataclass(frozen=True)
class ConnectWorker:
    """The worker's place and settings; `start` gives the running process.

    `connectors` are files; `variables` is what their `${env:...}` stand for, and may be secret.
    """

    settings: ConnectSettings
    kafka: KafkaSettings
    state: Path
    cache: Path
    java: Java
    connectors: Sequence[Path] = ()

    @property
    def home(self) -> Path:
        """Folder of its properties and offsets."""
        return self.state / NAME

    def start(self, variables: Mapping[str, str]) -> Child:
        """Start the worker as a child of this process."""
        with exclusive(self.home / "start.lock"):
            refuse_second(self.state, NAME)
            command = self.prepare()
            env = {"PATH": os.environ["PATH"], **variables}
            return Child(Command(NAME, command, env=env, cwd=self.home), self.state)

    def prepare(self) -> list[str]:
        """Get the jars and write the properties; the command that runs the worker."""
        found = jars.resolve_extra(NAME, self.cache, jars.CONF, self.java, print)
        (self.home / "plugins").mkdir(parents=True, exist_ok=True)
        properties, logging = self.home / "worker.properties", self.home / "log4j2.xml"
        text = _PROPERTIES.format(
            kafka=self.kafka.bootstrap_servers,
            host=self.settings.host,
            port=self.settings.port,
            home=self.home,
        )
        properties.write_text(text, encoding="utf-8")
        logging.write_text(LOG4J, encoding="utf-8")
        flags = [f"-Xmx{self.settings.heap_mb}m", "-Xms64m", "-XX:+UseSerialGC"]
        flags += ["-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError"]
        flags += ["-Djava.net.preferIPv4Stack=true", f"-Dlog4j2.configurationFile={logging}"]
        main = ["org.apache.kafka.connect.cli.ConnectStandalone", str(properties)]
        files = [str(path) for path in self.connectors]
        return [str(self.java.path), *flags, "-cp", f"{found}/*", *main, *files]

    def healthy(self) -> bool:
        """Whether the worker answers."""
        address = f"http://{self.settings.host}:{self.settings.port}/connectors"
        try:
            with urllib.request.urlopen(address, timeout=_TIMEOUT_S) as answer:
                return bool(answer.status == 200)
        except (OSError, HTTPException, ValueError):
            return False
