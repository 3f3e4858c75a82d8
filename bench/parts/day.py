"""What one more day costs: its events until they are scored, beside doing everything again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path

import polars as pl
from pyspark.sql import SparkSession

from bench.champion import crown
from bench.events import events, history, messages, send
from bench.measure import ROUNDS, Figure, Measurement, Size, compare, seconds
from bench.opponents import everything_again
from bench.stages import STAGES, to_end, work
from bench.stand import Stand, scratch
from lakehouse.clock import SystemClock, today
from lakehouse.domains.cdr.domain import CHURN
from lakehouse.domains.settings import Settings
from lakehouse.registry import open_registry

WORK = {"small": (200, 20), "full": (5_000, 1_000)}
DAY = timedelta(days=1)
Days = Callable[[int], pl.DataFrame]
NOTE = (
    "ours takes the day's messages from Kafka through bronze, silver and gold to predictions; the "
    "other reads its table, makes features and scores all rows anew, into Parquet"
)


def run(size: Size, stand: Stand) -> list[Measurement]:
    """Seconds of a day after a long history."""
    users, days = WORK[size]
    first = today(SystemClock(), "UTC") - (days + ROUNDS[size] + 2) * DAY
    with stand.site(database=True) as settings:
        spark = stand.session()
        crown(open_registry(settings, CHURN), settings, first + days * DAY)

        def day(number: int) -> pl.DataFrame:
            return events(users, first + (days + number) * DAY, 1, users * (days + number), number)

        text = f"{users:,} events of the next day, {users * days:,} events before it"
        figure = Figure("day_vs_everything_again", "s", False, text, NOTE)
        with scratch() as folder:
            ours = _ours(spark, settings, history(users, first, days), day)
            theirs = _theirs(spark, settings, folder, history(users, first, days), day)
            against = "JDBC read of all, MLlib over all"
            measured = compare(figure, against, ours, theirs, ROUNDS[size])
    return [measured]


def _ours(
    spark: SparkSession, settings: Settings, before: Iterator[pl.DataFrame], day: Days
) -> Callable[[], float]:
    """Take in the history; the work that takes in the day after the last."""
    stages = [work(stage, spark, settings) for stage in STAGES]

    def taken(frame: pl.DataFrame) -> float:
        send(settings, frame["DP_MSISDN"].to_list(), messages(frame))
        return sum(seconds(partial(to_end, stage)) for stage in stages)

    for part in before:
        taken(part)
    numbers = count()
    return lambda: taken(day(next(numbers)))


def _theirs(
    spark: SparkSession,
    settings: Settings,
    folder: Path,
    before: Iterator[pl.DataFrame],
    day: Days,
) -> Callable[[], float]:
    """Load the history and teach a model; the work that scores everything with one more day."""
    everything_again.create(settings.mysql)
    for part in before:
        everything_again.append(settings.mysql, part, folder)
    model = everything_again.teach(spark, settings.mysql)
    numbers = count()

    def work() -> float:
        everything_again.append(settings.mysql, day(next(numbers)), folder)
        out = folder / "predictions"
        return seconds(lambda: everything_again.score(spark, settings.mysql, model, out))

    return work
