"""A domain's mirrors: followed during a measurement, and read back from both places."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import polars as pl

from lakehouse import kafka, mysql, store
from lakehouse.clock import SystemClock
from lakehouse.contracts import published
from lakehouse.domain import Domain
from lakehouse.domains.cdr import CDR, names
from lakehouse.domains.cdr.contracts import PREDICTIONS
from lakehouse.domains.settings import Settings
from lakehouse.models.stored_features import spoken
from lakehouse.names import MYSQL_CURSORS, table_uri
from mirror.__main__ import follow

PUBLISHED = published(PREDICTIONS).names
_CURSOR = f"SELECT version FROM {MYSQL_CURSORS} WHERE name = %s"


@contextmanager
def following(settings: Settings, domain: Domain = CDR) -> Iterator[None]:
    """Run a domain's mirrors as their service does, in threads of this process."""
    stop = threading.Event()
    threads = [
        threading.Thread(target=follow, args=(settings, mirror, stop, SystemClock()))
        for mirror in domain.mirrors
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def is_level(settings: Settings, domain: Domain = CDR) -> bool:
    """Whether a domain's mirrors hold the latest version of their tables."""
    with mysql.connect(settings.mysql) as connection, connection.cursor() as cursor:
        for mirror in domain.mirrors:
            uri = table_uri(settings.lake_uri, mirror.contract.name)
            table_id = store.identity(uri)
            if table_id is None:
                continue
            cursor.execute(_CURSOR, (mirror.cursor(table_id),))
            row = cursor.fetchone()
            if row is None or row[0] != store.version(uri):
                return False
    return True


def rows(settings: Settings) -> tuple[pl.DataFrame, dict[str, pl.DataFrame]]:
    """The lake's predictions as they are to be published, and as each mirror holds them."""
    in_lake = store.scan(table_uri(settings.lake_uri, PREDICTIONS.name)).collect()
    wanted = spoken(in_lake).select(PUBLISHED)
    schema = wanted.schema
    return wanted, {"MySQL": _in_mysql(settings, schema), "Kafka": _in_kafka(settings, schema)}


def _in_mysql(settings: Settings, schema: pl.Schema) -> pl.DataFrame:
    columns = ", ".join(f"`{name}`" for name in PUBLISHED)
    with mysql.connect(settings.mysql) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM {names.MYSQL_PREDICTIONS}")
        found = cursor.fetchall()
    naive = {
        name: pl.Datetime("us") if isinstance(kind, pl.Datetime) else kind
        for name, kind in schema.items()
    }
    frame = pl.DataFrame(found, schema={name: naive[name] for name in PUBLISHED},
                         orient="row")  # fmt: skip
    moments = [name for name, kind in schema.items() if isinstance(kind, pl.Datetime)]
    return frame.with_columns(pl.col(moments).dt.replace_time_zone("UTC"))


def _in_kafka(settings: Settings, schema: pl.Schema) -> pl.DataFrame:
    latest: dict[bytes, bytes] = {}
    kafka.read_all(
        settings.kafka,
        names.TOPIC_PREDICTIONS,
        lambda message: latest.update({message.key() or b"": message.value() or b""}),
    )
    as_text = {name: pl.String() if kind.is_temporal() else kind for name, kind in schema.items()}
    frame = pl.read_ndjson(b"\n".join(latest.values()), schema=as_text)
    return frame.select(_typed(name, schema[name]) for name in PUBLISHED)


def _typed(name: str, kind: pl.DataType) -> pl.Expr:
    """A column of JSON as the lake has it."""
    if kind == pl.Date:
        return pl.col(name).str.to_date()
    if isinstance(kind, pl.Datetime):
        return pl.col(name).str.to_datetime(time_unit="us", time_zone="UTC")
    return pl.col(name)
