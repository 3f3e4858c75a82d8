"""A query's failure in one line, and whether it is transient."""

from __future__ import annotations

import re
import traceback

from lakehouse.errors import AccessError, CdrlakeError, RelayedError, StreamError
from lakehouse.names import ingest_command
from pyspark_jobs.engine.outages import OUTAGES

# What a broker or database that cannot be reached looks like; anything else needs a person.
TRANSIENT = (
    "lakehouse.errors.UnreachableError",
    "lakehouse.schema_registry.client.NoAnswerError",
    "org.apache.kafka.common.errors.TimeoutException",
    "org.apache.kafka.common.errors.DisconnectException",
    "No resolvable bootstrap urls",
    *OUTAGES,
)
# What a broker looks like that was reached and refuses, and the setting to mend. Each may stand in
# the trace of a failure that looks transient, such as a time-out while fetching metadata.
_RIGHT = "grant the user the right to {}, or name another one in kafka.security.username"
_KAFKA = "org.apache.kafka.common.errors."
REFUSED = {
    f"{_KAFKA}SaslAuthenticationException": "correct kafka.security.username or password",
    f"{_KAFKA}UnsupportedSaslMechanismException": "correct kafka.security.mechanism",
    f"{_KAFKA}IllegalSaslStateException": "correct kafka.security.protocol",
    f"{_KAFKA}SslAuthenticationException": "correct kafka.security.ca_file, certificate_file or "
    "protocol",
    f"{_KAFKA}TopicAuthorizationException": _RIGHT.format("read the topic"),
    f"{_KAFKA}GroupAuthorizationException": _RIGHT.format("use groups named spark-kafka-*"),
    f"{_KAFKA}ClusterAuthorizationException": _RIGHT.format("use the cluster"),
}
# How an error of ours stands in the trace of the Python function that Spark called.
_OURS = re.compile(r"^lakehouse\.errors\.\w+: (.+)$", re.MULTILINE)
# The error at the end of a Python trace: the first line after the indented ones.
_RAISED = re.compile(r"Traceback \(most recent call last\):\n(?:[ \t].*\n)+(\S.*)")
_CAUSE = "Caused by: "
# What Spark raises when a topic no longer holds what a query is to read next.
_GAP = ("OffsetOutOfRangeException", "KAFKA_DATA_LOSS", "Some data may have been lost")
CHARACTERS = 400


def is_transient(error: str) -> bool:
    """Whether the failure is due to a server that may come back."""
    return _refused(error) is None and any(text in error for text in TRANSIENT)


def is_ours(error: str) -> bool:
    """Whether an error of ours, which says where and what, is part of the failure."""
    return bool(_OURS.search(error))


def text_of(error: BaseException) -> str:
    """An exception as text, in the form in which a query's failure arrives: with all causes."""
    return "".join(traceback.format_exception(error))


def summary(error: str) -> str:
    r"""The most telling line: ours, Python's, the last cause that the JVM names, or the first line.

    >>> summary("Query terminated\nCaused by: java.io.IOException: disk full\n\tat x.Y")
    'java.io.IOException: disk full'
    >>> summary("Trace\nlakehouse.errors.StreamError: t: expected a, but got b; do c.\n\tat x.Y")
    't: expected a, but got b; do c.'
    """
    lines = [line.strip() for line in error.splitlines() if line.strip()]
    causes = [line.removeprefix(_CAUSE) for line in lines if line.startswith(_CAUSE)]
    found = [*lines[:1], *causes, *_RAISED.findall(error), *_OURS.findall(error)]
    return found[-1][:CHARACTERS] if found else "no reason given"


def of_query(query: str, error: str) -> CdrlakeError:
    """The error to raise for a query that has failed; our own errors are raised unchanged."""
    if is_ours(error):
        return RelayedError(summary(error))
    cause = _refused(error)
    if cause is not None:
        line = next(line for line in reversed(error.splitlines()) if cause in line)
        reason = line.partition(cause)[2].lstrip(": ").rstrip(". ") or cause.removeprefix(_KAFKA)
        return AccessError.sentence(
            f"{query}: Kafka refuses access: {reason}; {REFUSED[cause]}.", where=query
        )
    if any(text in error for text in _GAP):
        return StreamError.sentence(
            f"{query}: Kafka no longer holds messages that this query has not read yet. Restore "
            f"the topic, or go on without them with `{ingest_command(query, '--accept-loss')}`, "
            "which puts the loss on record.",
            where=query,
        )
    return StreamError.sentence(
        f"{query} failed: {summary(error).rstrip('. ')}; the log above says more.",
        where=query,
        got=summary(error),
    )


def _refused(error: str) -> str | None:
    return next((name for name in REFUSED if name in error), None)
