"""Where the rows of a SQL pipeline go: a Delta table, a topic, a collection of documents."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyarrow as pa
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as f
from pyspark.sql.pandas.types import to_arrow_type
from pyspark.sql.types import DataType

from lakehouse import damage, documents, store
from lakehouse.contracts import Contract
from lakehouse.names import table_uri
from lakehouse.schema_registry import avro_schemas
from lakehouse.schema_registry.client import Address, SchemaClient
from lakehouse.settings import Settings
from lakehouse.settings.outside import DocumentSettings
from pyspark_jobs.delta import tables
from pyspark_jobs.engine import readers
from pyspark_jobs.sql.sql_file import SqlFile

LOG = logging.getLogger(__name__)
BATCH_ID = "batch_id"
KEY_SEPARATOR = "|"


@dataclass
class Sinks:
    """Writes the micro-batches of one file's query, named `query`.

    The table comes first, in one transaction for each micro-batch. A repeated micro-batch takes its
    rows from there, so topic and documents get what the table has, whatever model is champion by
    now. Documents are replaced by their key; of the topic, rows of the last micro-batch may be
    repeated after a crash, under the same key.
    """

    file: SqlFile
    query: str
    settings: Settings
    contract: Contract | None = None

    def prepare(self) -> None:
        """Create the table and the subject of the topic's schema. Raises what these raise."""
        if self.contract is not None:
            tables.create_missing(self.settings, self.contract)
        if "collection" in self.file.sinks and self.settings.documents.uri is None:
            LOG.info("%s: no documents are written: documents.uri is not set", self.file.name)

    @property
    def tables(self) -> tuple[str, ...]:
        """The name of the table that the file writes, if it writes one."""
        table = self.file.settings.get("table")
        return () if table is None else (table,)

    def write_batch(self, rows: DataFrame, batch_id: int) -> None:
        """Write one micro-batch; a repeated one changes neither table nor documents."""
        table = self.file.settings.get("table")
        held = None if table is None else self._held(table, batch_id)
        if held is not None:
            self._send(held)
        if held is not None or not self._is_taken:
            # Nobody needs the rows, but windows and seen keys are kept while they are computed.
            rows.write.format("noop").mode("overwrite").save()
            return
        rows = rows.persist()
        try:
            if rows.isEmpty():
                return
            if table is not None:
                self._append(rows, table, batch_id)
            self._send(rows)
        finally:
            rows.unpersist()

    @property
    def _is_taken(self) -> bool:
        """Whether any sink takes rows; without a server, there are no documents."""
        has_documents = self.settings.documents.uri is not None
        return any(kind != "collection" or has_documents for kind in self.file.sinks)

    def _held(self, table: str, batch_id: int) -> DataFrame | None:
        """The rows of this micro-batch that the table has already; None if it is a new one."""
        uri, options = table_uri(self.settings.lake_uri, table), self.settings.lake_options
        if not store.exists(uri, options):
            return None
        last = damage.open_log(uri, options).transaction_version(self.query)
        if last is None or last < batch_id:
            return None
        held = readers.read_table(SparkSession.active(), uri)
        return held.where(f.col(BATCH_ID) == batch_id).drop(BATCH_ID)

    def _append(self, rows: DataFrame, table: str, batch_id: int) -> None:
        stamped = rows.withColumn(BATCH_ID, f.lit(batch_id).cast("long"))
        writer = stamped.write.format("delta").mode("append")
        writer = writer.option("txnAppId", self.query).option("txnVersion", batch_id)
        writer.save(table_uri(self.settings.lake_uri, table))

    def _send(self, rows: DataFrame) -> None:
        topic, collection = (self.file.settings.get(kind) for kind in ("topic", "collection"))
        if topic is not None:
            self._publish(rows, topic)
        if collection is not None and self.settings.documents.uri is not None:
            keep = document_writer(self.settings.documents, collection, self.file.key)
            rows.foreachPartition(keep)

    def _publish(self, rows: DataFrame, topic: str) -> None:
        key = f.concat_ws(KEY_SEPARATOR, *(f.col(name).cast("string") for name in self.file.key))
        if self.file.settings.get("format") == "avro":
            messages = self._as_avro(rows.withColumn("__key", key), topic)
        else:
            messages = rows.select(key.alias("key"), f.to_json(f.struct("*")).alias("value"))
        writer = messages.write.format("kafka").options(
            **readers.kafka_options(self.settings.kafka)
        )
        writer.option("topic", self.settings.kafka.topic(topic)).save()

    def _as_avro(self, rows: DataFrame, topic: str) -> DataFrame:
        """Key and framed Avro of rows with the column `__key`."""
        fields = pa.schema([pa.field(one.name, _arrow(one.dataType)) for one in rows.schema][:-1])
        schema = avro_schemas.of_arrow(topic, fields)
        number = SchemaClient(Address.of(self.settings)).register(f"{topic}-value", schema)

        def encode(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            write = avro_schemas.writer(number, schema)
            for batch in batches:
                keys = batch["__key"]
                values = pa.array(
                    [write(row) for row in batch.drop_columns("__key").to_pylist()], pa.binary()
                )
                yield pa.RecordBatch.from_arrays([keys, values], names=["key", "value"])

        return rows.mapInArrow(encode, "key string, value binary")


def document_writer(
    settings: DocumentSettings, collection: str, key: tuple[str, ...]
) -> Callable[[Iterator[Row]], None]:
    """A function for a partition of rows that keeps each as the document of its key."""

    def keep(rows: Iterator[Row]) -> None:
        documents.upsert(settings, collection, key, (row.asDict(recursive=True) for row in rows))

    return keep


def _arrow(kind: DataType) -> pa.DataType:
    return to_arrow_type(kind, timezone="UTC")
