"""Which failures of a query may pass by themselves, and what the others say."""

from __future__ import annotations

import pytest

from lakehouse.errors import AccessError, StreamError
from pyspark_jobs.engine import failures

KAFKA = "org.apache.kafka.common.errors"
TIMED_OUT = f"""\
java.util.concurrent.ExecutionException: {KAFKA}.TimeoutException: Timed out waiting for a node
\tat org.apache.spark.sql.kafka010.ConsumerStrategy.retrieveAllPartitions(ConsumerStrategy.scala:65)
"""


@pytest.mark.parametrize(
    ("cause", "sentence"),
    [
        (
            "SaslAuthenticationException: Authentication failed: Invalid username or password",
            "q: Kafka refuses access: Authentication failed: Invalid username or password; correct "
            "kafka.security.username or password.",
        ),
        (
            "SslAuthenticationException: SSL handshake failed",
            "q: Kafka refuses access: SSL handshake failed; correct kafka.security.ca_file, "
            "certificate_file or protocol.",
        ),
        (
            "TopicAuthorizationException: Not authorized to access topics: [t].",
            "q: Kafka refuses access: Not authorized to access topics: [t]; grant the user the "
            "right to read the topic, or name another one in kafka.security.username.",
        ),
        (
            "GroupAuthorizationException: Not authorized to access group: spark-kafka-source-1",
            "q: Kafka refuses access: Not authorized to access group: spark-kafka-source-1; grant "
            "the user the right to use groups named spark-kafka-*, or name another one in "
            "kafka.security.username.",
        ),
        (
            "UnsupportedSaslMechanismException",
            "q: Kafka refuses access: UnsupportedSaslMechanismException; correct "
            "kafka.security.mechanism.",
        ),
    ],
)
def test_a_refusal_is_permanent_and_names_the_setting(cause: str, sentence: str) -> None:
    error = f"{TIMED_OUT}Caused by: {KAFKA}.{cause}\n\tat x.Y\n"
    assert not failures.is_transient(error)
    found = failures.of_query("q", error)
    assert (type(found), str(found)) == (AccessError, sentence)


def test_a_broker_that_is_away_may_come_back() -> None:
    assert failures.is_transient(TIMED_OUT)
    unresolved = "KafkaException: Failed to create new KafkaAdminClient\nCaused by: ConfigException"
    assert failures.is_transient(f"{unresolved}: No resolvable bootstrap urls given")
    assert not failures.is_transient(f"{unresolved}: Invalid value for ssl.truststore.type")


def test_anything_else_is_the_querys_failure() -> None:
    assert type(failures.of_query("q", "Caused by: java.io.IOException: disk full")) is StreamError
