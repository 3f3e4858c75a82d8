"""An installation for a domain that is not registered, and its mirror brought up to date."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lakehouse import kafka, mysql
from lakehouse.domain import Domain, Mirror
from lakehouse.domains.settings import Settings
from lakehouse.kinds import KINDS
from lakehouse.publisher import Publisher
from lakehouse.settings.model import LakeSettings
from mirror.messages import RowPublisher
from mirror.sinks import MysqlSink
from mirror.sync import step

NO_RENAMES: Mapping[str, str] = {}


def installation(
    database: Settings, domain: Domain, folder: Path, renamed: Mapping[str, str] = NO_RENAMES
) -> Settings:
    """Settings of an empty lake below `folder`, with the domain's topics and mirrored tables.

    `renamed` has the topics that are called differently on the broker, which all tests share.
    """
    own = database.kafka.model_copy(update={"topics": dict(renamed)})
    kafka.create_topics(own, domain.topics)
    for mirror in domain.mirrors:
        _create_table(database, mirror)
    monitoring = {"output_dir": str(folder / "output"), "min_chunk_rows": 100}
    return database.model_copy(
        update={
            "kafka": own,
            "lake": LakeSettings(uri=str(folder / "lake")),
            "state_dir": str(folder / "state"),
            "monitoring": database.monitoring.model_copy(update=monitoring),
        }
    )


def mirror_all(settings: Settings, mirror: Mirror) -> None:
    """Bring the table in MySQL and the topic up to date."""
    published = RowPublisher(Publisher(settings.kafka), mirror.published).send
    with mysql.connect(settings.mysql) as connection:
        while step(mirror, settings.lake_uri, MysqlSink(connection), published):
            pass


def _create_table(settings: Settings, mirror: Mirror) -> None:
    columns = ", ".join(
        f"`{field.name}` {KINDS[field.kind].mysql}" for field in mirror.published.fields
    )
    with mysql.connect(settings.mysql, admin=True) as connection, connection.cursor() as cursor:
        cursor.execute(
            f"CREATE OR REPLACE TABLE {settings.mysql.database}.{mirror.mysql_table} "
            f"({columns}, PRIMARY KEY ({', '.join(mirror.contract.key)}))"
        )
