"""An installation whose broker and database stand behind networks that can be made worse."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial

from bench.faults.network import Link
from cdrlake.console import Steps
from cdrlake.services.kafka import KafkaBroker
from cdrlake.services.mysql import MySqlServer
from cdrlake.services.ports import free_ports
from cdrlake.stack import Stack
from lakehouse.clock import Clock
from lakehouse.domains.settings import Settings


class LinkedStack(Stack):
    """A stack whose clients reach the broker and the database through a `Link` each."""

    def __init__(self, settings: Settings, steps: Steps, clock: Clock) -> None:
        super().__init__(settings, steps, clock)
        behind = free_ports(2)
        self.links = {
            "kafka": Link(settings.kafka.port, behind[0]),
            "mysql": Link(settings.mysql.port, behind[1]),
        }

    def database_server(self) -> MySqlServer:
        """The database, on the server's side of its link."""
        link, server = self._linked("mysql"), super().database_server()
        own = server.settings.model_copy(update={"port": link.server_port})
        return replace(server, settings=own)

    def broker(self) -> KafkaBroker:
        """The broker, on the server's side of its link; it tells clients to use the other."""
        link, broker = self._linked("kafka"), super().broker()
        own = broker.settings.model_copy(update={"port": link.server_port})
        return replace(broker, settings=own, amend=partial(_advertise, port=link.port))

    def stop(self) -> None:
        """Stop all processes, then the links."""
        super().stop()
        for link in self.links.values():
            link.stop()

    def _linked(self, name: str) -> Link:
        link = self.links[name]
        link.start()
        return link


def _advertise(properties: str, port: int) -> str:
    return re.sub(r"(?m)^(advertised\.listeners=.*:)\d+$", rf"\g<1>{port}", properties)
