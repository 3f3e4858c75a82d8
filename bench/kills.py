"""`python -m bench.kills`: kill -9 the driver at seeded moments, then compare every cell.

The same messages are read twice: by a pipeline that is killed and started again and again while
they come in, and by one that nobody disturbs. Bronze, silver, gold and predictions must be equal,
and so must both mirrors of the predictions, in MySQL and in Kafka, that followed all the while.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from random import Random

import polars as pl
from polars.testing import assert_frame_equal

from bench import mirrored
from bench.champion import crown
from bench.driver import driver, in_service, waiting_for
from bench.events import events, messages, send
from bench.faults import page
from bench.kills_page import Killed
from bench.stand import Stand
from lakehouse import store
from lakehouse.clock import SystemClock, today
from lakehouse.domains.cdr import names
from lakehouse.domains.cdr.domain import CHURN
from lakehouse.domains.settings import Settings
from lakehouse.names import table_uri
from lakehouse.registry import open_registry

USERS = 2_500
SCORED_DAYS = 20
REPEATED = 20
# Columns that say when or in which batch a row was written, not what it holds.
OF_THE_RUN = ("batch_id", "ingested_at", "scored_at", "run_id")
TABLES = {
    names.BRONZE_EVENTS: ["partition", "offset"],
    names.SILVER_DAILY: ["Date", "User"],
    names.GOLD_FEATURES: ["Date", "User"],
    names.PREDICTIONS: ["Date", "User"],
}
Due = Callable[[], bool]


@dataclass(frozen=True)
class Load:
    """All messages in order, each with its key; every twentieth comes twice."""

    keys: list[str]
    values: list[bytes]
    days: int

    @classmethod
    def of(cls, count: int, last: date) -> Load:
        """About `count` messages that end with `last`."""
        days = max(1, round(count / USERS / (1 + 1 / REPEATED)))
        frame = events(USERS, last - timedelta(days=days - 1), days, name="kill")
        twice = pl.concat([frame, frame.gather_every(REPEATED)]).sort("id")
        return cls(twice["DP_MSISDN"].to_list(), messages(twice), days)


def main() -> int:
    """Kill, compare, report; 0 when nothing differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--events", type=int, default=500_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--publish", action="store_true")
    options = parser.parse_args()
    last = today(SystemClock(), "UTC") - timedelta(days=1)
    load = Load.of(options.events, last)
    with Stand() as stand, stand.site(database=True) as disturbed:
        calm = disturbed.model_copy(update={"state_dir": f"{disturbed.state_dir}/calm"})
        calm.state.mkdir()
        for settings in (disturbed, calm):
            crown(open_registry(settings, CHURN), settings, last - timedelta(days=SCORED_DAYS - 1))
        with mirrored.following(disturbed):
            disturb(disturbed, load, options.kills, Random(options.seed))
            waiting_for(partial(mirrored.is_level, disturbed), "the mirrors")
        with driver(calm, calm.state / "pipeline.log"):
            waiting_for(partial(_is_done, calm, load), "the undisturbed run")
        differing = compare(disturbed, calm)
    if options.publish:
        compared = f"{len(load.values):,} messages: four tables and both mirrors, cell by cell"
        page.publish_kills(
            Killed("make kills", "the pipeline of call records", options.kills, compared,
                   differing, options.seed)
        )  # fmt: skip
    return differing


def disturb(settings: Settings, load: Load, kills: int, random: Random) -> None:
    """Send the load in parts; during each a driver is killed, the last one runs to the end."""
    part = len(load.values) // (kills + 1)
    log = settings.state / "pipeline.log"
    for number in range(kills):
        some = slice(number * part, (number + 1) * part)
        due = _moment(settings, random, number * part, part)
        with driver(settings, log):
            send(settings, load.keys[some], load.values[some])
            waiting_for(due, f"the moment of kill {number + 1}")
        print(f"kill {number + 1}", flush=True)
    send(settings, load.keys[kills * part :], load.values[kills * part :])
    with driver(settings, log):
        waiting_for(partial(_is_done, settings, load), "the end of the disturbed run")


def _moment(settings: Settings, random: Random, before: int, part: int) -> Due:
    """A seeded moment: so many rows in one of the tables, or the beginning of the service."""
    bronze = before + random.random() * part
    counted = bronze * REPEATED / (REPEATED + 1)
    moments: list[Due] = [
        lambda: _rows(settings, names.BRONZE_EVENTS) > bronze,
        lambda: _events(settings) > counted,
        lambda: in_service(settings),
    ]
    return random.choice(moments)


def compare(disturbed: Settings, calm: Settings) -> int:
    """Print what each table holds; how many tables differ."""
    differing = 0
    for table, order in TABLES.items():
        left, right = (_cells(one, table, order) for one in (disturbed, calm))
        differing += _differs(table, left, right)
    order, (in_lake, mirrors) = TABLES[names.PREDICTIONS], mirrored.rows(disturbed)
    for place, rows in mirrors.items():
        found = rows.select(in_lake.columns).sort(order)
        differing += _differs(f"{names.PREDICTIONS} in {place}", found, in_lake.sort(order))
    return differing


def _differs(name: str, left: pl.DataFrame, right: pl.DataFrame) -> bool:
    try:
        assert_frame_equal(left, right, check_exact=True)
        said, differs = "equal, cell by cell", False
    except AssertionError as error:
        said, differs = f"DIFFERENT: {error}", True
    print(f"{name}: {len(left):,} and {len(right):,} rows: {said}", flush=True)
    return differs


def _cells(settings: Settings, table: str, order: list[str]) -> pl.DataFrame:
    rows = store.scan(table_uri(settings.lake_uri, table)).collect()
    return rows.drop(OF_THE_RUN, strict=False).sort(order)


def _is_done(settings: Settings, load: Load) -> bool:
    days = load.days * USERS
    if not in_service(settings) or _events(settings) < days:
        return False
    scored = _rows(settings, names.PREDICTIONS) >= SCORED_DAYS * USERS
    return scored and _rows(settings, names.BRONZE_EVENTS) == len(load.values)


def _rows(settings: Settings, table: str) -> int:
    return store.count(table_uri(settings.lake_uri, table))


def _events(settings: Settings) -> int:
    uri = table_uri(settings.lake_uri, names.SILVER_DAILY)
    if not store.exists(uri):
        return 0
    return int(store.scan(uri).select(pl.col("events").sum()).collect().item())


if __name__ == "__main__":
    sys.exit(main())
