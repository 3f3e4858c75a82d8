"""An embedded Kafka Connect worker: Debezium's connectors from jars, in a process of its own.

It is a standalone worker. Its connectors are given at the start, as the files that others post to
`/connectors`; where each has got to is kept in a file below the state folder. How to talk to the
broker is told in variables of its environment, so that no file, no command line and no answer of
the worker holds a secret.
"""

from __future__ import annotations

import os
import re
import socket
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from cdrlake.services import jars
from cdrlake.services.jars import Java, exclusive
from cdrlake.services.kafka import LOG4J
from cdrlake.services.process import Child, Command, refuse_second
from lakehouse.kafka_options import java_options
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
# The worker's own client, and those that it makes for connectors.
_CLIENTS = ("", "producer.", "consumer.", "admin.")
_TIMEOUT_S = 2.0


def placeholders(kafka: KafkaSettings) -> dict[str, str]:
    """Options of the worker's clients besides the broker's place, and what stands for each.

    >>> placeholders(KafkaSettings())
    {'security.protocol': '${env:KAFKA_SECURITY_PROTOCOL}'}
    """
    names = (name for name in java_options(kafka) if name != "bootstrap.servers")
    return {name: f"${{env:{_variable(name)}}}" for name in names}


def is_listening(settings: ConnectSettings) -> bool:
    """Whether anything takes connections at the worker's address, even if it is still starting."""
    try:
        with socket.create_connection((settings.host, settings.port), _TIMEOUT_S):
            return True
    except OSError:
        return False


def _variable(option: str) -> str:
    return f"KAFKA_{re.sub(r'[^A-Z0-9]', '_', option.upper())}"


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
            env = self.environment(variables)
            return Child(Command(NAME, command, env=env, cwd=self.home), self.state)

    def environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        """The environment of the worker's process, with secrets revealed."""
        options = {_variable(name): value for name, value in java_options(self.kafka).items()}
        # In another locale Java would read letters beyond ASCII as question marks.
        return {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **options, **variables}

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
        told = placeholders(self.kafka).items()
        lines = [f"{client}{name}={value}\n" for client in _CLIENTS for name, value in told]
        properties.write_text(text + "".join(lines), encoding="utf-8")
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
