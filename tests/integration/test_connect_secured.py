"""Kafka Connect and a broker with TLS, SASL, rights, and names of its own for topics."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import psutil
import pytest

from cdrlake.clicks import connector
from cdrlake.services.connect import ConnectWorker
from cdrlake.services.jars import Jars, Java
from cdrlake.services.ports import free_ports
from flaskapp.clicks import shop
from lakehouse import kafka
from lakehouse.domains.clicks import CLICKS, names
from lakehouse.domains.settings import Settings
from lakehouse.settings.outside import ConnectSettings
from tests.integration import secured
from tests.integration.clicks_shop import administer, changes_to
from tests.integration.secured import PASSWORD

pytestmark = pytest.mark.integration
RENAMED = {names.TOPIC_USERS: "shop.users", connector.TOPIC_HISTORY: "shop.history"}


def test_users_are_followed_through_a_broker_with_access_control(
    database: Settings, resolved: Jars, java: Java, tmp_path: Path
) -> None:
    with secured.running(tmp_path / "secured", resolved, java) as broker:
        broker.allow_the_main_path()
        # Debezium asks the broker how many copies its topic of schemas should have.
        (port,) = free_ports(1)
        site = database.model_copy(
            update={
                "kafka": broker.client().model_copy(update={"topics": RENAMED}),
                "state_dir": str(tmp_path / "state"),
                "connect": ConnectSettings(port=port),
            }
        )
        kafka.create_topics(site.kafka, CLICKS.topics)
        shop.prepare(site)
        parts = site.state, site.cache, java, (connector.definition(site),)
        worker = ConnectWorker(site.connect, site.kafka, *parts)
        child = worker.start(connector.variables(site, shop.account(site)))
        try:
            changes_to(site, 2, lambda count: count == 1)
            url = f"http://127.0.0.1:{port}/connectors/mysql-source/config"
            with urllib.request.urlopen(url, timeout=30) as answer:
                told = json.load(answer)
            assert told["schema.history.internal.producer.sasl.jaas.config"].startswith("${env:")
            shown = [str(told), *psutil.Process(child.pid).cmdline(), child.log.read_text()]
            assert not any("LoginModule" in text or PASSWORD in text for text in shown)
        finally:
            child.stop(20)
            administer(site, f"DROP DATABASE {names.MYSQL_DATABASE}")
