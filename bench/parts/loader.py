"""History and files into the database, and the daily summary of a large table."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from bench.measure import ROUNDS, Figure, Measurement, Size, held, hold, seconds
from bench.stand import Stand, scratch
from flaskapp.cdr import loader, reads
from flaskapp.cdr.world import World
from lakehouse import mysql, names
from lakehouse.clock import SystemClock, today
from lakehouse.domains.cdr.settings import WorldSettings
from lakehouse.domains.settings import Settings

BAR_ROWS, BAR_SUMMARY_S = 50_000.0, 2.0
# Subscribers and days: the history of the demo, a file of the same size, a large operator.
HISTORY: dict[Size, tuple[int, int]] = {"small": (200, 60), "full": (2_000, 180)}
FILE: dict[Size, tuple[int, int]] = {"small": (200, 60), "full": (9_000, 90)}
LARGE: dict[Size, tuple[int, int]] = {"small": (500, 60), "full": (121_000, 60)}
SUMMARY_DAYS = 60


def run(size: Size, stand: Stand) -> list[Measurement]:
    """Usage rows a second by both ways of loading, and seconds of the procedure."""
    rounds = ROUNDS[size]
    return [
        _history(stand, size, rounds),
        _file(stand, size, rounds),
        *_large(stand, size, rounds),
    ]


def _database(stand: Stand, **world: int) -> AbstractContextManager[Settings]:
    return stand.site(broker=False, database=True, **world)


def _history(stand: Stand, size: Size, rounds: int) -> Measurement:
    subscribers, days = HISTORY[size]

    def rate() -> float:
        with _database(stand, subscribers=subscribers, history_days=days, replay_days=0) as own:
            return _rate(lambda: loader.load_history(own))

    note = "usage rows; as many outcomes again, the labels and the generator are in the time"
    shape = f"history of {subscribers:,} subscribers, {days} days"
    figure = Figure("loader_rows_per_second", "rows/s", True, shape, note)
    return hold(figure, BAR_ROWS, rate, rounds)


def _file(stand: Stand, size: Size, rounds: int) -> Measurement:
    subscribers, days = FILE[size]
    with scratch() as folder:
        path = folder / "RawData.csv"
        rows = _write(path, subscribers, days)

        def rate() -> float:
            with _database(stand) as own:
                return _rate(lambda: loader.load_file(own, (path,), "rawdata"))

        note = "`db load RawData.csv`: reading, checking, rows, labels and outcomes"
        figure = Figure("loader_rows_per_second", "rows/s", True, f"{rows:,} lines of CSV", note)
        return hold(figure, BAR_ROWS, rate, rounds)


def _large(stand: Stand, size: Size, rounds: int) -> list[Measurement]:
    subscribers, days = LARGE[size]
    with _database(stand, subscribers=subscribers, history_days=days, replay_days=0) as own:
        rate = _rate(lambda: loader.load_history(own))
        rows = _count(own)
        shape = f"{rows:,} rows over {days} days"
        note = f"one load, with a buffer pool of {own.mysql.buffer_pool_mb} MB"
        load = Figure("loader_rows_per_second", "rows/s", True, shape, note)
        call = Figure("procedure_five_million_rows_s", "s", False, shape)
        start = today(SystemClock(), own.timezone) - timedelta(days=SUMMARY_DAYS)

        def summary() -> float:
            with mysql.connect(own.mysql) as connection, connection.cursor() as cursor:
                return seconds(lambda: (reads.summary(cursor, start), connection.commit()))

        return [
            held(load, BAR_ROWS, [rate]),
            hold(call, BAR_SUMMARY_S, summary, rounds),
        ]


def _rate(load: Callable[[], loader.Loaded]) -> float:
    loaded: list[loader.Loaded] = []
    spent = seconds(lambda: loaded.append(load()))
    return loaded[0].rows / spent


def _write(path: Path, subscribers: int, days: int) -> int:
    """A file as users have it; its rows."""
    start = datetime.now(UTC).date() - timedelta(days=days)  # noqa: TID251
    world = World(WorldSettings(subscribers=subscribers, seed=7), start)
    moment = pl.col("DP_DATE").dt.strftime("%Y-%m-%d %H:%M:%S")
    rows = pl.concat(world.days(0, days - 1)).with_columns(moment)
    rows.with_row_index("id", 1).with_columns(PSEUDO_CHURNED=pl.lit(None, pl.Int64)).write_csv(path)
    return rows.height


def _count(settings: Settings) -> int:
    with mysql.connect(settings.mysql) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT SUM(sent_rows) FROM {names.MYSQL_STREAMS}")
        return int(cursor.fetchone()[0])
