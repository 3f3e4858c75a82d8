"""From the click that closes a window to its result, with the queries in service.

Time in the stream goes on by two minutes with each click, so each click after the first ends one
window. Its result counts as there once the topic has it; documents are written by the same
micro-batch, right after it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial

import numpy as np
from pyspark.sql import SparkSession

from bench import bot_detector
from bench.measure import ROUNDS, Figure, Measurement, Size, held
from bench.stand import Stand
from cdrlake.services.ports import free_ports
from cdrlake.waiting import patiently
from flaskapp.clicks import traffic
from lakehouse import kafka
from lakehouse.clock import SystemClock
from lakehouse.domains.clicks import CLICKS, names
from lakehouse.domains.clicks.domain import EVENTS
from lakehouse.domains.clicks.world import Click
from lakehouse.domains.settings import Settings
from lakehouse.http import server
from lakehouse.publisher import Publisher
from lakehouse.schema_registry.app import create_app
from lakehouse.schema_registry.client import Address, SchemaClient
from lakehouse.schema_registry.registry import KafkaLog, SchemaRegistry
from lakehouse.settings.outside import SchemaSettings
from pyspark_jobs.clicks import users
from pyspark_jobs.clicks.lessons import Lessons
from pyspark_jobs.ingest import ingest
from pyspark_jobs.ingest.ingest import Intake
from pyspark_jobs.sql import sql_file
from pyspark_jobs.sql.run import Pipeline
from pyspark_jobs.sql.service import FOLDER

BAR_S, EVERY_S = 5.0, 1.0
WARM, WINDOWS = {"small": 1, "full": 5}, {"small": 2, "full": 20}
SLIDE = timedelta(minutes=2)
# So far into a slide that the watermark, half a minute behind, has passed its beginning.
INTO = timedelta(seconds=31)
START = datetime(2026, 1, 1, 10, tzinfo=UTC)
LESSONS = Lessons(START, users=150, bot_share=0.2, minutes=40)


def run(size: Size, stand: Stand) -> list[Measurement]:
    """The 95th percentile in seconds."""
    spark, clock = stand.session(), SystemClock()
    with stand.site() as site:
        kafka.create_topics(site.kafka, CLICKS.topics)
        settings = site.model_copy(update={"schemas": SchemaSettings(port=free_ports(1)[0])})
        bot_detector.promoted(spark, settings, LESSONS)
        with _registry(settings), _service(spark, settings):
            sender = Publisher(settings.kafka)
            write = traffic.writer(SchemaClient(Address.of(settings)))
            ages = []
            for number in range(1 + WARM[size] + ROUNDS[size] * WINDOWS[size]):
                click = Click("1", START + number * SLIDE + INTO, "main_page")
                began = clock.monotonic()
                traffic.send_clicks([click], sender, write)
                # The first click ends no window, and each after it one.
                patiently(partial(_there, settings, number), "the window", poll_s=0.02)
                ages.append(clock.monotonic() - began)
    rounds = np.array(ages[1 + WARM[size] :]).reshape(ROUNDS[size], -1)
    figure = Figure(
        "clicks_window_to_document_p95_s", "s", False, f"{WINDOWS[size]} windows, one user",
        "until the topic has the row; bronze, SQL and model in one session",
    )  # fmt: skip
    return [held(figure, BAR_S, [float(np.percentile(each, 95)) for each in rounds])]


def _there(settings: Settings, results: int) -> bool:
    return kafka.message_count(settings.kafka, names.TOPIC_RESULTS) >= results


@contextmanager
def _registry(settings: Settings) -> Iterator[None]:
    app = create_app(settings, SchemaRegistry(KafkaLog(settings.kafka)))
    with server.serving(app, settings.schemas.host, settings.schemas.port):
        yield


@contextmanager
def _service(spark: SparkSession, settings: Settings) -> Iterator[None]:
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
        yield
    finally:
        stops = [threading.Thread(target=query.stop) for query in queries]
        for one in stops:
            one.start()
        for one in stops:
            one.join()
