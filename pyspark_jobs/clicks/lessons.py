"""Windows to learn from: visitors of a made-up shop, counted by the very SQL that serves.

Visitors are drawn on the driver, their clicks in Spark's tasks, and the files of the pipeline make
windows of them as they do of the stream.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from lakehouse.domains.clicks import CLICKS, world
from lakehouse.domains.clicks.contracts import FEATURES, USERS
from lakehouse.domains.clicks.domain import BOTS
from lakehouse.domains.clicks.world import Visitor
from lakehouse.models.inputs import Inputs
from lakehouse.settings import ROOT
from pyspark_jobs.delta import tables
from pyspark_jobs.sql import analysis, sql_file
from pyspark_jobs.sql.catalog import Catalog

FOLDER = ROOT / "conf" / "pipelines" / CLICKS.name
# The last file before the model is asked, and all those that it reads.
VIEW = "windows_with_users"
_CLICK = "user_id string, ts timestamp, event string"


@dataclass(frozen=True)
class Lessons:
    """Until when the shop is seen and for how long, how many visitors it has, and how many bots.

    A share of the bots, `noise`, is labelled as people: whoever labels does not know all.
    """

    end: datetime
    users: int = 1_000
    bot_share: float = 0.1
    minutes: float = 120.0
    noise: float = 0.03
    seed: int = 42

    @property
    def start(self) -> datetime:
        """When the shop opens."""
        return self.end - self.length

    @property
    def length(self) -> timedelta:
        """For how long the visitors are seen."""
        return timedelta(minutes=self.minutes)

    def crowd(self) -> list[Visitor]:
        """The visitors."""
        return world.visitors(self.users, self.bot_share, self.seed)

    def labels(self, crowd: Sequence[Visitor]) -> dict[str, int]:
        """1 for a user who is labelled as a bot, otherwise 0."""
        bots = [one for one in crowd if one.kind != "person"]
        missed = {one.id for one in bots[: round(len(bots) * self.noise)]}
        return {str(one.id): int(one.kind != "person" and one.id not in missed) for one in crowd}


def windows(spark: SparkSession, lessons: Lessons, folder: Path = FOLDER) -> pl.DataFrame:
    """`user_id`, `window_start`, platform, the features and `label` of every window, in order.

    Raises the `SqlError` of a file that is wrong.
    """
    crowd = lessons.crowd()
    session = spark.newSession()  # its views are not those of whoever else uses the session
    session.conf.set("spark.sql.session.timeZone", "UTC")
    _clicks(session, crowd, lessons).createOrReplaceTempView("events")
    _users(session, crowd).createOrReplaceTempView("users")
    files = [file for file in sql_file.read_folder(folder) if not file.sinks]
    found = analysis.pipeline(session, files, Catalog.of(CLICKS).names)
    for error in found.failed.values():
        raise error
    table = found.done[VIEW].frame.toArrow()
    inputs = Inputs(FEATURES)
    columns = {name: table[name].combine_chunks() for name in (*inputs.texts, *inputs.numbers)}
    matrix = pl.DataFrame(inputs.matrix(columns).rows, schema=list(FEATURES), orient="row")
    label = pl.DataFrame(
        list(lessons.labels(crowd).items()), schema=["user_id", "label"], orient="row"
    )
    keys = pl.DataFrame(table.select([BOTS.entity, BOTS.time, "platform"]))
    rows = keys.hstack(matrix).join(label, on=BOTS.entity, validate="m:1")
    return rows.sort(BOTS.entity, BOTS.time)


def _clicks(spark: SparkSession, crowd: Sequence[Visitor], lessons: Lessons) -> DataFrame:
    shared = spark.sparkContext.broadcast(list(crowd))
    start, length, seed = lessons.start, lessons.length, lessons.seed

    def draw(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            some = [shared.value[number] for number in batch["id"].to_pylist()]
            rows = list(world.clicks(some, start, length, seed))
            columns = [
                pa.array([click.user_id for click in rows], pa.string()),
                pa.array([click.ts for click in rows], pa.timestamp("us", "UTC")),
                pa.array([click.event for click in rows], pa.string()),
            ]
            yield pa.RecordBatch.from_arrays(columns, names=["user_id", "ts", "event"])

    tasks = 2 * spark.sparkContext.defaultParallelism
    return spark.range(0, len(crowd), 1, tasks).mapInArrow(draw, _CLICK)


def _users(spark: SparkSession, crowd: Sequence[Visitor]) -> DataFrame:
    where = {"position": 0, "partition": 0}
    rows = [asdict(one) | where for one in crowd]
    columns = [tuple(row[name] for name in USERS.names) for row in rows]
    return spark.createDataFrame(columns, tables.schema(USERS))
