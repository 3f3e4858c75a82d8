"""One message to a topic as it stands, good or broken: `python -m cdrlake.cdr.raw TEXT`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from confluent_kafka import Producer

from cdrlake.console import CONSOLE
from lakehouse.domains.cdr import CDR
from lakehouse.domains.settings import load
from lakehouse.errors import CdrlakeError, ServiceError
from lakehouse.kafka import TIMEOUT_S, client_options

TOPICS = tuple(feed.topic for feed in CDR.feeds)


def send(
    text: Annotated[str, typer.Argument(help="The message, JSON or not.")],
    topic: Annotated[str, typer.Option(help="The topic.")] = TOPICS[0],
    key: Annotated[str, typer.Option(help="The key of the message.")] = "raw",
) -> None:
    """Send one message past the database, to see what becomes of it.

    Raises `ServiceError` when there is no such topic or the broker does not accept the message.
    """
    if topic not in TOPICS:
        raise ServiceError("--topic", " or ".join(TOPICS), topic, "choose one of them")
    kafka = load().kafka
    producer = Producer(client_options(kafka) | {"message.timeout.ms": str(int(TIMEOUT_S * 1_000))})
    failures = list[str]()
    producer.produce(
        kafka.topic(topic),
        text.encode(),
        key,
        on_delivery=lambda error, _: failures.append(str(error or "")),
    )
    left = producer.flush(TIMEOUT_S + 1)
    if left or any(failures):
        got = "".join(failures) or "no answer"
        do = "check that the broker runs (`cdrlake status`)"
        raise ServiceError(f"Kafka at {kafka.bootstrap_servers}", "the message taken", got, do)
    CONSOLE.print(f"sent to {topic}; `cdrlake quarantine list` counts it if it is broken")


if __name__ == "__main__":
    try:
        typer.run(send)
    except CdrlakeError as error:
        sys.exit(str(error))
