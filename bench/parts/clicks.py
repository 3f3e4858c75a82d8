"""From the click that closes a window to its document, with the queries in service.

Time in the stream goes on by two minutes with each click, so each click after the first ends one
window. With `TEST_MONGO_URI`, the address of a server of MongoDB's protocol, a window counts as
there once its document is; otherwise once the topic has its result, which the same micro-batch
writes right before.
"""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial

import numpy as np
from pydantic import SecretStr
from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from bench import bot_detector, hops
from bench.measure import ROUNDS, Figure, Measurement, Size, held
from bench.stand import Stand
from cdrlake.services.ports import free_ports
from cdrlake.waiting import patiently
from flaskapp.clicks import traffic
from lakehouse import kafka
from lakehouse.clock import SystemClock
from lakehouse.documents import find
from lakehouse.domains.clicks import CLICKS, names
from lakehouse.domains.clicks.domain import EVENTS
from lakehouse.domains.clicks.world import Click
from lakehouse.domains.settings import Settings
from lakehouse.http import server
from lakehouse.publisher import Publisher
from lakehouse.schema_registry.app import create_app
from lakehouse.schema_registry.client import Address, SchemaClient
from lakehouse.schema_registry.registry import KafkaLog, SchemaRegistry
from lakehouse.settings.outside import DocumentSettings, SchemaSettings
from pyspark_jobs.clicks import users
from pyspark_jobs.clicks.lessons import Lessons
from pyspark_jobs.ingest import ingest
from pyspark_jobs.ingest.ingest import Intake
from pyspark_jobs.sql import sql_file
from pyspark_jobs.sql.run import Pipeline
from pyspark_jobs.sql.service import FOLDER

BAR_S, EVERY_S = 5.0, 1.0
WARM, WINDOWS = {"small": 1, "full": 4}, {"small": 2, "full": 8}
POLL_S = 0.05
SLIDE = timedelta(minutes=2)
# So far into a slide that the watermark, half a minute behind, has passed its beginning.
INTO = timedelta(seconds=31)
START = datetime(2026, 1, 1, 10, tzinfo=UTC)
LESSONS = Lessons(START, users=150, bot_share=0.2, minutes=40)


def run(size: Size, stand: Stand) -> list[Measurement]:
    """The 95th percentile in seconds, over all windows of a round."""
    spark, uri = stand.session(), os.environ.get("TEST_MONGO_URI")
    count = WARM[size] + ROUNDS[size] * WINDOWS[size]
    with stand.site() as site:
        kafka.create_topics(site.kafka, CLICKS.topics)
        documents = DocumentSettings(
            uri=SecretStr(uri) if uri else None, database=f"bench_{uuid.uuid4().hex[:8]}"
        )
        schemas = SchemaSettings(port=free_ports(1)[0])
        settings = site.model_copy(update={"schemas": schemas, "documents": documents})
        bot_detector.promoted(spark, settings, LESSONS)
        with _registry(settings), _service(spark, settings) as queries:
            closings = _closings(settings, count)
            print(hops.text(closings[WARM[size] :], hops.batches(queries)))
    rounds = np.array([end - begin for begin, end in closings[WARM[size] :]])
    figure = Figure(
        "clicks_window_to_document_p95_s", "s", False, f"{WINDOWS[size]} windows a round, one user",
        f"until {'the document is there' if uri else 'the topic has the row'}; bronze, SQL and "
        "model in one session",
    )  # fmt: skip
    each = rounds.reshape(ROUNDS[size], -1)
    return [held(figure, BAR_S, [float(np.percentile(one, 95)) for one in each])]


def _closings(settings: Settings, count: int) -> list[tuple[float, float]]:
    """When the click that ends each window was sent, and when its result was there."""
    sender, clock, found = Publisher(settings.kafka), SystemClock(), list[tuple[float, float]]()
    write = traffic.writer(SchemaClient(Address.of(settings)))
    for number in range(count + 1):
        began = clock.now().timestamp()
        click = Click("1", START + number * SLIDE + INTO, "main_page")
        traffic.send_clicks([click], sender, write)
        patiently(partial(_there, settings, number), "the window", poll_s=POLL_S)
        if number:  # the first click ends no window
            found.append((began, clock.now().timestamp()))
    return found


def _there(settings: Settings, results: int) -> bool:
    if settings.documents.uri is not None:
        return len(find(settings.documents, names.TOPIC_RESULTS)) >= results
    return kafka.message_count(settings.kafka, names.TOPIC_RESULTS) >= results


@contextmanager
def _registry(settings: Settings) -> Iterator[None]:
    app = create_app(settings, SchemaRegistry(KafkaLog(settings.kafka)))
    with server.serving(app, settings.schemas.host, settings.schemas.port):
        yield


@contextmanager
def _service(spark: SparkSession, settings: Settings) -> Iterator[list[StreamingQuery]]:
    """All queries of the domain, until the end of the block."""
    clock = SystemClock()
    intake = Intake(EVENTS, settings.domain(CLICKS.name))
    queries = [
        ingest.start(spark, settings, intake, clock, EVERY_S),
        users.start(spark, settings, clock, EVERY_S),
    ]
    pipeline = Pipeline(spark, settings, CLICKS, sql_file.read_folder(FOLDER / CLICKS.name))
    queries += [start() for start in pipeline.starts(EVERY_S)]
    try:
        yield queries
    finally:
        stops = [threading.Thread(target=query.stop) for query in queries]
        for one in stops:
            one.start()
        for one in stops:
            one.join()
