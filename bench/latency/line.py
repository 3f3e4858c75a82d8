"""Views sent at a steady rate, and a reader that notes when it sees what follows from each."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice

import msgspec
import numpy as np
import numpy.typing as npt
from confluent_kafka import Consumer, Producer

from bench.latency.queries import Followed, Job, View, stamped, views
from cdrlake.waiting import patiently
from lakehouse import kafka
from lakehouse.clock import SystemClock

PATIENCE_S = 120.0
CLOCK, NEVER = SystemClock(), threading.Event()
Stamps = dict[str, int]


def latencies(job: Job, rate: float, seconds: float) -> npt.NDArray[np.int64]:
    """Microseconds from each view's stamp to the reader, in the order in which they were sent.

    Before that, as long again at the same rate lets the engine compile and fill its caches.
    """
    count, source = int(rate * seconds), views(2 * int(rate * seconds))
    producer = Producer(kafka.client_options(job.kafka) | {"linger.ms": 0, "acks": "all"})
    with _reading(job) as seen:
        found: Stamps = {}
        for _ in ("warm", "measured"):
            found = _send(producer, job.topic_in, islice(source, count), rate)
            _await(seen, found)
    return np.array([(seen[name] - at) // 1_000 for name, at in found.items()])


def _send(producer: Producer, topic: str, source: Iterable[View], rate: float) -> Stamps:
    sent: Stamps = {}
    begin = time.perf_counter()
    for number, view in enumerate(source):
        ahead = begin + number / rate - time.perf_counter()
        if ahead > 0:
            producer.poll(0)
            CLOCK.wait(NEVER, ahead)
        sent[view.event_id] = time.time_ns()
        producer.produce(topic, stamped(view, sent[view.event_id]), view.page)
    producer.flush(PATIENCE_S)
    return sent


@contextmanager
def _reading(job: Job) -> Iterator[Stamps]:
    """When the outcome of each view was first seen; filled by a thread."""
    stop, seen = threading.Event(), dict[str, int]()
    thread = threading.Thread(target=_read, args=(job, seen, stop))
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


def _read(job: Job, seen: Stamps, stop: threading.Event) -> None:
    options = {
        "group.id": job.topic_out,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
    }
    consumer = Consumer(kafka.client_options(job.kafka) | options)
    consumer.subscribe([job.topic_out])
    decoder, counted = msgspec.json.Decoder(Followed), dict[str, int]()
    while not stop.is_set():
        message = consumer.poll(0.1)
        if message is None or message.error() is not None:
            continue
        now, one = time.time_ns(), decoder.decode(message.value() or b"{}")
        if not one.views:
            seen.setdefault(one.event_id, now)
        # A count shows all views up to there: an engine may write it once for several of them.
        for number in range(counted.get(one.page, 0) + 1, one.views + 1):
            seen[f"{one.page}:{number}"] = now
        counted[one.page] = max(one.views, counted.get(one.page, 0))
    consumer.close()


def _await(seen: Stamps, sent: Stamps) -> None:
    missing = set(sent)

    def are_all_seen() -> bool:
        missing.difference_update(seen.copy())
        return not missing

    patiently(are_all_seen, "what follows from every view", PATIENCE_S)
