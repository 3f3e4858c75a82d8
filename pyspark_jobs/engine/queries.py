"""Streaming queries are started by identity: name and checkpoint are computed, never typed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql.streaming.query import StreamingQuery

from lakehouse import damage
from lakehouse.errors import StreamError
from lakehouse.names import QueryIdentity, table_uri
from lakehouse.settings import Settings
from lakehouse.settings.spark import SparkSettings
from pyspark_jobs.engine import failures, query_lock
from pyspark_jobs.engine.query_notes import QueryNotes
from pyspark_jobs.engine.session import configured

# Code made for a batch of some thousand rows is compiled for longer than it runs.
_SMALL_BATCHES = {"spark.sql.codegen.wholeStage": "false"}
# A stopped query whose batch fails with one of these has ended well; Spark looks for them itself.
_INTERRUPTED = ("InterruptedException", "InterruptedIOException", "ClosedByInterruptException")
# What reads tables beside Spark, which names its files itself.
_ENGINES = ("polars.exceptions.", "PanicException", "pyarrow.lib.Arrow", "_internal.DeltaError")
BatchSink = Callable[[DataFrame, int], None]


class JavaError(Exception):
    """A failure in the JVM, as its stack trace tells it."""


def interval(spark: SparkSettings) -> float | None:
    """Seconds between micro-batches while serving; None if the trigger is `availableNow`."""
    return spark.trigger_seconds if spark.trigger == "processingTime" else None


def following(spark: SparkSettings, every_seconds: float | None) -> float | None:
    """Seconds between looks at a table; None to read what is there and end.

    A query that began a micro-batch with those that fill its table would find each version only
    when the next one is on its way.
    """
    return None if every_seconds is None else min(every_seconds, spark.follow_seconds)


def noting(
    identity: QueryIdentity, settings: Settings, write_batch: BatchSink, *tables: str
) -> BatchSink:
    """`write_batch`, after which the versions of the named tables are noted beside the checkpoint.

    Raises `StreamError` when one of them has lost what the query wrote to it.
    """
    notes = QueryNotes(identity, settings)
    notes.check_tables()

    def write(rows: DataFrame, batch_id: int) -> None:
        write_batch(rows, batch_id)
        notes.note_latest(*tables)

    return write


def start(
    identity: QueryIdentity,
    source: DataFrame,
    write_batch: BatchSink,
    settings: Settings,
    every_seconds: float | None,
    properties: Mapping[str, str] | None = None,
) -> StreamingQuery:
    """Start the query `identity`: each micro-batch of `source` goes to `write_batch`.

    With `every_seconds` it runs until stopped, otherwise until all available data has been read.
    `properties` are Spark's, for this query alone.
    Raises `StreamError` when another process runs the query, or it cannot start from its
    checkpoint.
    """
    query_lock.take(identity, settings.lake_uri)
    checkpoint = identity.checkpoint(settings.lake_uri)
    writer = (
        source.writeStream.queryName(identity.name)
        .option("checkpointLocation", checkpoint)
        .foreachBatch(_answering(identity, settings, write_batch))
    )
    own = dict(properties or {})
    if every_seconds is None:
        writer = writer.trigger(availableNow=True)
    else:
        writer = writer.trigger(processingTime=f"{every_seconds} seconds")
        own |= _SMALL_BATCHES
    try:
        with configured(source.sparkSession, own):
            return writer.start()
    except (PySparkException, Py4JJavaError) as error:
        raise StreamError.sentence(
            f"{identity.name} did not start with its checkpoint {checkpoint}: "
            f"{failures.summary(_told(error)).rstrip('. ')}.",
            where=checkpoint,
        ) from error


def _answering(identity: QueryIdentity, settings: Settings, write_batch: BatchSink) -> BatchSink:
    """`write_batch`, wrapped so that every failure reaches Spark and can be read there.

    A Rust library that panics raises something that is not an `Exception`. The bridge to the JVM
    would let it pass, and Spark would wait for minutes only to get an empty answer. Of the bridge's
    own exception Spark cuts the message out with an expression that overflows the stack where the
    trace is long, and then tells of that overflow alone: it gets another one. An engine that meets
    a damaged file, here or in a task, does not say which.
    """

    def write(rows: DataFrame, batch_id: int) -> None:
        try:
            write_batch(rows, batch_id)
        except Py4JJavaError as error:
            told = _told(error)
            if any(name in told for name in _INTERRUPTED):
                raise
            _name_damage(identity, settings, told)
            raise JavaError(told) from None
        except Exception as error:
            _name_damage(identity, settings, failures.text_of(error))
            raise
        except BaseException as panic:
            _name_damage(identity, settings, failures.text_of(panic))
            raise StreamError.sentence(
                f"{identity.name}: batch {batch_id} met a failure inside a library, often a "
                f"damaged file of the lake: {' '.join(str(panic).split())}",
                where=identity.name,
            ) from panic

    return write


def _told(error: BaseException) -> str:
    """What the JVM says, without the bridge's own line before it."""
    return str(error).partition("\n: ")[2] or str(error)


def _name_damage(identity: QueryIdentity, settings: Settings, told: str) -> None:
    """Raise `StorageError` with the damaged file, if a table that the query writes has one."""
    if not any(engine in told for engine in _ENGINES) or failures.is_ours(told):
        return
    for name in QueryNotes(identity, settings).read().tables:
        damage.require_whole(table_uri(settings.lake_uri, name), settings.lake_options)
